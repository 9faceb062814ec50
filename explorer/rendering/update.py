"""The progress of rendering a recipe, with encoded pictures and without tensors."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from explorer.store.results import StoredPicture


@dataclass(frozen=True)
class Update:
    """The progress of rendering a recipe, in a form that can be sent to another process.

    Attributes:
        done, total: amounts of finished work and of all work, in a unit that the recipe chooses.
        previews: unfinished pictures as WebP, by their number (``part``). Most updates have none,
            because the rate of previews is limited.
        pictures: the pictures that were finished since the previous update.
        history: the loss curves so far, as ``render_recipe.history_json`` returns them, if the
            update has previews and the recipe has loss curves; otherwise "".
    """

    done: int
    total: int
    previews: Mapping[int, bytes] = field(default_factory=dict)
    pictures: tuple[StoredPicture, ...] = ()
    history: str = ""
