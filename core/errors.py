"""Errors that a user can act on.

    ExplorerError           an invalid request; the text is one sentence on what to do
    ├── UnknownName         a network, layer, class or setting that does not exist
    ├── BadPicture          a file that is not a picture, or is too large to open
    └── BadCheckpoint       a weights file that is damaged or does not fit its network
        └── FitsAnother     a weights file that fits another network than the named one

The library raises these errors where a caller passes an invalid value. Only the command line and
the pages turn them into messages.
"""

from collections.abc import Iterable
from difflib import get_close_matches

# A message lists at most this many names, so that it stays one readable sentence.
LIST_AT_MOST = 12
# A message repeats at most this many characters of what a user typed.
QUOTED_CHARACTERS = 80
# Of a shortened path or name, so many characters are its beginning; the rest is its end.
BEGINNING = 24


class ExplorerError(Exception):
    """An invalid request; the error's text is one sentence that says what to do."""


class UnknownName(ExplorerError):
    """A name that does not exist; the message suggests the nearest existing name."""


class BadPicture(ExplorerError):
    """A file that is not a picture, or is too large to open safely."""


class BadCheckpoint(ExplorerError):
    """A weights file that cannot be read, or that does not fit the network."""


class FitsAnother(BadCheckpoint):
    """A weights file that fits another network than the named one.

    Attributes:
        networks: the names of the networks that it fits.
    """

    def __init__(self, message: str, networks: Iterable[str]) -> None:
        super().__init__(message)
        self.networks = tuple(networks)


def of_sentence(sentence: str) -> ExplorerError:
    """Build the error whose text is a sentence that pages show: without its capital and full stop.

    Args:
        sentence: the sentence, such as ``The network has no answers.``; its first word is no name.
    """
    return ExplorerError(sentence[:1].lower() + sentence[1:].rstrip("."))


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> UnknownName:
    """Build the error for a name that does not exist.

    Args:
        kind: what is named, such as ``layer``.
        name: the name that does not exist.
        known: all names that exist.
        where: where the known names exist, such as the name of a network; may be empty.

    Example of a message: ``no layer 'fetures.7' in squeezenet1_0; did you mean 'features.7'?``
    """
    place = f" in {where}" if where else ""
    names = list(known)
    close = get_close_matches(name[:QUOTED_CHARACTERS], names, n=1, cutoff=0.5)
    if close:
        hint = f"did you mean {close[0]!r}?"
    elif len(names) <= LIST_AT_MOST:
        hint = f"there is {', '.join(names)}"
    else:
        hint = f"there are {len(names)}, from {names[0]!r} to {names[-1]!r}"
    return UnknownName(f"no {kind} {quoted(name)}{place}; {hint}")


def reason_of(error: BaseException, typed: bool = False) -> str:
    """Return what an error of other code says, for a message: its first line with any text.

    Args:
        error: the error.
        typed: whether its class is named before the text; without a text, it is named anyway.
    """
    kind, words = type(error).__name__, str(error).strip().partition("\n")[0]
    return (f"{kind}: {words}" if typed else words) if words else kind


def quoted(value: object) -> str:
    """Return a user's value for a message: its ``repr``, of ``QUOTED_CHARACTERS`` at most.

    Line breaks, control characters and lone surrogates are escaped. All messages that repeat what
    a user typed use this function, or ``named`` for paths.
    """
    try:
        text = repr(value[: QUOTED_CHARACTERS + 1] if isinstance(value, str) else value)
    except (ValueError, RecursionError):
        # Python writes no integers of more than 4,300 digits.
        text = f"a {type(value).__name__} that is too long to be shown"
    return text if len(text) <= QUOTED_CHARACTERS else f"{text[: QUOTED_CHARACTERS - 3]}..."


def named(value: object) -> str:
    """Return a path, or another name that a user gave, for a message, without quotes if possible.

    The text has ``QUOTED_CHARACTERS`` at most. A longer one loses its middle, because a path begins
    with the folder and ends with the file. A text with other than printable characters is quoted.
    """
    text = str(value)
    if len(text) > QUOTED_CHARACTERS:
        text = f"{text[:BEGINNING]}...{text[BEGINNING + 3 - QUOTED_CHARACTERS :]}"
    return text if text.isprintable() and text == text.strip() and text else quoted(text)
