"""Names of neurons as the pages write them: the number first, then the label or class if known."""


def short_name(unit: int, label: str) -> str:
    """Return a name for captions: ``12 (eye)``, or ``neuron 12`` without a label.

    Args:
        unit: number of the neuron.
        label: its label or class; may be empty.
    """
    return _labelled(unit, label) if label else f"neuron {unit}"


def long_name(unit: int, label: str, layer: str = "") -> str:
    """Return a name for sentences, such as ``neuron 12 (eye) of relu5b``.

    Args:
        unit: number of the neuron.
        label: its label or class; may be empty.
        layer: name of its layer; left out if empty.
    """
    name = f"neuron {_labelled(unit, label)}"
    return f"{name} of {layer}" if layer else name


def title(unit: int, label: str) -> str:
    """Return a name for headings: ``Neuron 12 (eye)``."""
    return f"Neuron {_labelled(unit, label)}"


def _labelled(unit: int, label: str) -> str:
    return f"{unit} ({label})" if label else str(unit)
