"""Feature visualization of units: which image excites a unit most."""

from core.exports import lazy

__all__, __getattr__ = lazy(__name__, {"render_neurons": ["plan", "render"]})
