"""Feature visualization: rendering of the images that excite units most."""

from core.exports import lazy

__all__, __getattr__ = lazy(__name__, {"render_neurons": ["plan", "render"]})
