"""What is known of a caller once it has shown who it is."""

from __future__ import annotations

import enum
from typing import NamedTuple

from server.access.limits import Limits

# By the names that both transports and the metrics give the calls.
_ADMIN_METHODS = frozenset(
    {
        "DeletePicture",
        "RepositoryModelLoad",
        "RepositoryModelUnload",
        "SystemSharedMemoryRegister",
        "SystemSharedMemoryUnregister",
    }
)


class Scope(enum.Enum):
    """What a caller may do."""

    GENERATE = "generate"
    ADMIN = "admin"


class Caller(NamedTuple):
    """Somebody known.

    Attributes:
        scopes: what it may do.
        limits: how much of it; None: as much as there is room for.
    """

    scopes: frozenset[Scope]
    limits: Limits | None = None


def needed_scope(method: str) -> Scope:
    """The scope that a call takes."""
    return Scope.ADMIN if method in _ADMIN_METHODS else Scope.GENERATE
