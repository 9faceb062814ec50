"""The index of dataset examples: the images of a collection that excite each unit most."""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__,
    {
        "build": ["build_index", "plan_index"],
        "plan": ["IndexPlan"],
        "reader": ["Hit", "Index", "open_index"],
    },
)
