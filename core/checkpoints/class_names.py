"""Class names: in the metadata and among the settings of a weights file, or in a file of their own.

Nothing here needs PyTorch.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.checkpoints.declared import NAME_CHARACTERS
from core.errors import BadCheckpoint, named, quoted
from core.files import FILE, require_path, unusable
from core.safetensors_header import parse_json

# Keys under which training scripts save the names of the classes.
KEYS = (
    "classes",
    "class_names",
    "categories",
    "labels",
    "label_names",
    "names",
    "CLASSES",
    "idx_to_class",
    "class_to_idx",
    "id2label",
    "label2id",
)
CLASSES_AT_MOST = 100_000
# The largest file of class names in bytes.
FILE_BYTES = 8 * 2**20


def names_in(value: Any) -> tuple[str, ...] | None:
    """Return the class names in a plain value; None if it is something else.

    It is a list of names, a mapping from numbers to names, or one from names to numbers. Where a
    list of several names stands for a class, as in ImageNet's ``["n01440764", "tench"]``, the last
    one is taken.
    """
    if isinstance(value, Mapping):
        by_number = {_number(key): it for key, it in value.items()}
        if None in by_number:
            by_number = {_number(number): name for name, number in value.items()}
        if by_number.keys() != set(range(len(by_number))) or len(by_number) != len(value):
            return None
        value = [by_number[number] for number in range(len(by_number))]
    if not isinstance(value, (list, tuple)) or not value:
        return None
    names = [it[-1] if isinstance(it, (list, tuple)) and it else it for it in value]
    return tuple(names) if all(isinstance(it, str) for it in names) else None


def _number(value: Any) -> int | None:
    """Return a whole number, or the one that a text writes; None for anything else."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 9:
        return int(value)
    return value if type(value) is int else None


def can_be_shown(names: tuple[str, ...]) -> bool:
    """Whether there are not too many names, none too long, and all are printable."""
    return len(names) <= CLASSES_AT_MOST and all(
        len(it) <= NAME_CHARACTERS and it.isprintable() for it in names
    )


def checked(names: tuple[str, ...], file: str) -> tuple[str, ...]:
    """Return class names after a check that they can be shown.

    Raises:
        BadCheckpoint: a name is too long or has other than printable characters, or there are too
            many.
    """
    if not can_be_shown(names):
        raise BadCheckpoint(
            f"{file} has class names that cannot be shown, of more than {NAME_CHARACTERS} "
            f"characters, or more than {CLASSES_AT_MOST:,} of them"
        )
    return names


def from_metadata(text: str, file: str) -> tuple[str, ...]:
    """Return the class names of a safetensors file's metadata: a JSON list of strings.

    Raises:
        BadCheckpoint: the text is something else, or a name cannot be shown.
    """
    try:
        names = names_in(parse_json(text))
    except ValueError as error:
        raise BadCheckpoint(f"{file} has class names that cannot be read: {error}") from error
    if names is None:
        raise BadCheckpoint(f"{file} has class names that are no JSON list of strings")
    return checked(names, file)


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read a file of class names: one a line, or JSON as for ``names_in``.

    Raises:
        ExplorerError: the file cannot be opened.
        BadCheckpoint: it has no names, too many, or some that cannot be shown.
    """
    file = named(path.name)
    require_path(path, FILE, "file of class names", "; name a text file with one class a line")
    try:
        if path.stat().st_size > FILE_BYTES:
            raise BadCheckpoint(f"{file} has more than {FILE_BYTES // 2**20} MB of class names")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadCheckpoint(f"{file} is no text in UTF-8; write one class a line") from error
    except OSError as error:
        raise unusable(path, error, "read") from error
    return parse_names(text, file)


def parse_names(text: str, file: str) -> tuple[str, ...]:
    """Return the class names in a text: one a line, or JSON as for ``names_in``.

    Args:
        text: the text.
        file: what messages call it.

    Raises:
        BadCheckpoint: as for ``read_class_names``.
    """
    return checked(_parsed(text.strip(), file), file)


def _parsed(text: str, file: str) -> tuple[str, ...]:
    if text.startswith(("[", "{")):
        try:
            names = names_in(parse_json(text))
        except ValueError as error:
            raise BadCheckpoint(f"{file} cannot be read as JSON: {error}") from error
        if names is None:
            raise BadCheckpoint(f"{file} has no JSON list of class names, nor a mapping by number")
        return names
    lines = tuple(line.strip() for line in text.splitlines())
    if "" in lines or not lines:
        at = lines.index("") + 1 if lines else 1
        raise BadCheckpoint(f"line {at} of {file} is empty; write one class a line")
    return lines


def check_count(names: tuple[str, ...], count: int, network: str) -> tuple[str, ...]:
    """Return class names after a check that there is one for each class.

    Raises:
        BadCheckpoint: there are more or fewer names than the network has classes.
    """
    if len(names) != count:
        last = f", the last {quoted(names[-1])}" if names else ""
        raise BadCheckpoint(
            f"there are {len(names):,} class names{last}, and {named(network)} has {count:,} "
            "classes; write one name for each"
        )
    return names
