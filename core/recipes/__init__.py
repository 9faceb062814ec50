"""Recipes: frozen settings that decide how a picture comes out, as JSON and with a key. No
torch.
"""

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
