"""Errors that a person can act on.

    ExplorerError           what the explorer refuses; one sentence says what to do
    ├── UnknownName         a network, layer, class or setting that does not exist
    ├── BadPicture          a file that is not a picture we can or want to open
    └── BadCheckpoint       a weights file that does not fit its network

Library code raises these at its boundary; only the command line and the pages turn them into
messages.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class ExplorerError(Exception):
    """Something the explorer refuses; its text is one sentence that says what to do."""


class UnknownName(ExplorerError):
    """A name that does not exist, with the nearest one that does."""


class BadPicture(ExplorerError):
    """A file that is no picture, or one too large to open safely."""


class BadCheckpoint(ExplorerError):
    """A weights file that cannot be read, or that does not fit its network."""


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> UnknownName:
    """Build the error for a name that does not exist.

    Example: ``no layer 'fetures.7' in squeezenet1_0; did you mean 'features.7'?``
    """
    place = f" in {where}" if where else ""
    names = list(known)
    close = get_close_matches(name[:LONGEST], names, n=1, cutoff=0.5)
    if close:
        hint = f"did you mean {close[0]!r}?"
    elif len(names) <= LIST_AT_MOST:
        hint = f"there is {', '.join(names)}"
    else:
        hint = f"there are {len(names)}, from {names[0]!r} to {names[-1]!r}"
    return UnknownName(f"no {kind} {quoted(name)}{place}; {hint}")


def quoted(value: object) -> str:
    """Write a value that somebody gave into a sentence, no longer than one can read."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


# Beyond this a list of names is longer than a sentence a person reads.
LIST_AT_MOST = 12
# Characters of a value that somebody gave.
LONGEST = 60
