"""What does not fit between a weights file and a network, in words."""

from collections.abc import Iterable, Sequence

from core.checkpoints.contents import FileContent
from core.checkpoints.declared import list_first, list_names
from core.checkpoints.matching import NetworkFit
from core.errors import named

# Endings of names of weights that are stored in several tensors, and what computes them.
COMPUTED = {
    "_orig": "pruning or a spectral norm",
    "_g": "a weight norm",
    "original0": "a weight norm",
    "original": "a parametrisation",
}


def describe_problems(
    missing: Iterable[str],
    unexpected: Iterable[str],
    misshapen: Iterable[str],
    other: Sequence[str],
) -> str:
    """Return how many tensors are missing, unexpected, of another shape and of another kind."""
    kinds = (
        ("missing", [named(it) for it in missing]),
        ("unexpected", [named(it) for it in unexpected]),
        ("of another shape", list(misshapen)),
        ("of another kind", list(other)),
    )
    return "; ".join(f"{len(names)} {what}: {list_first(names)}" for what, names in kinds if names)


def describe_misfit(fit: NetworkFit, content: FileContent) -> str:
    """Return why a file does not fit: the end of a sentence that begins with the file's name."""
    if not fit.paths:
        return (
            f"does not fit {fit.network}: its tensors have other names, such as "
            f"{list_names(content.tensors)}; name the network to which they belong"
        )
    problems = describe_problems(fit.missing, fit.unexpected, fit.misshapen, ())
    text = f"does not fit {fit.network}; tensors {problems}"
    for ending, what in COMPUTED.items():
        if fit.missing and any(name.endswith(ending) for name in fit.unexpected):
            return f"{text}; {what} computes its weights, so remove it in PyTorch and save again"
    return f"{text}; name the network to which they belong"
