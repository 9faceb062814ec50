"""The progress of rendering a recipe, as plain bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from explorer.store.results import StoredPicture


@dataclass(frozen=True)
class Update:
    """The progress of rendering a recipe, in a form that can be sent to another process.

    Attributes:
        done, total: as in ``core.progress.Progress``.
        previews: unfinished pictures, WebP, by part; mostly empty, because their rate is limited.
        pictures: the pictures that were finished since the update before.
        history: with previews, the loss curves up to now, as ``render_recipe.history_json`` writes
            them; otherwise empty.
    """

    done: int
    total: int
    previews: Mapping[int, bytes] = field(default_factory=dict)
    pictures: tuple[StoredPicture, ...] = ()
    history: str = ""
