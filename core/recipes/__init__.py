"""Recipes: immutable settings that determine a picture. They are importable without torch."""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__,
    {
        "dream": ["DreamRecipe"],
        "kinds": ["KINDS", "read"],
        "neuron": ["NeuronRecipe"],
        "recipe": ["Recipe"],
        "style": ["StyleRecipe"],
        "style_grid": ["StyleDepthsRecipe"],
    },
)
