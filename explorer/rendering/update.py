"""How far the work on a recipe is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from explorer.store.results import StoredPicture


@dataclass(frozen=True)
class Update:
    """How far the work on a recipe is, in plain bytes that travel anywhere.

    Attributes:
        done, total: as ``core.progress.Progress`` counts.
        previews: unfinished pictures, WebP, by part; mostly none, as they are throttled.
        pictures: those that were finished just now.
        history: with sketches, how costs fell so far, as ``render_recipe.history_json`` writes it;
        mostly empty.
    """

    done: int
    total: int
    previews: Mapping[int, bytes] = field(default_factory=dict)
    pictures: tuple[StoredPicture, ...] = ()
    history: str = ""
