"""Who may change what.

The user of this machine may change everything: in a browser on this machine, or on the command
line. A guest, who visits a server that others can reach, may change only what is their own.
"""

import hashlib

from core.errors import ExplorerError

# The header of a request in which the server's guard tells pages who the visitor is. What a client
# itself sends in it is removed.
VISITOR_HEADER = "x-explorer-visitor"
# The identifiers of guests begin with this; those of the machine's user do not.
GUEST = "guest "


class NotYours(ExplorerError):
    """The error for a guest who wants to change what belongs to somebody else."""


def visitor_id(secret: str, guest: bool) -> str:
    """Return the identifier of a visitor, which may be stored and shown.

    Args:
        secret: the secret in the visitor's cookie; it cannot be found from the identifier.
        guest: whether the visitor may change only what is their own.
    """
    digest = hashlib.sha256(secret.encode()).hexdigest()[:32]
    return f"{GUEST if guest else 'browser '}{digest}"


def is_guest(visitor: str | None) -> bool:
    """Whether a visitor may change only what is their own; None is the machine's user."""
    return visitor is not None and visitor.startswith(GUEST)


def may_change(visitor: str | None, owner: str) -> bool:
    """Whether a visitor may change what belongs to ``owner``.

    Args:
        visitor: identifier of the visitor; None for the machine's user.
        owner: identifier of the visitor to whom it belongs; "" if to nobody.
    """
    return visitor == owner or not is_guest(visitor)


def check_owner(visitor: str | None, owner: str, what: str) -> None:
    """Check that a visitor may change something.

    Args:
        visitor, owner: as for ``may_change``.
        what: what is changed, for the message, such as ``this picture``.

    Raises:
        NotYours: it belongs to somebody else.
    """
    if not may_change(visitor, owner):
        raise NotYours(f"{what} belongs to somebody else, and only they can change it")
