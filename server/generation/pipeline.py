"""The core as transports see it: one way in for each kind of request."""

from __future__ import annotations

from server.generation.generating import Generation
from server.generation.interpolating import Interpolation
from server.generation.parts import Parts
from server.generation.stylizing import Stylization

_SMALL_BYTES = 64 * 1024


class Pipeline:
    """Answers validated requests.

    Attributes:
        catalogue: what can be asked for.
        generation: pictures from seeds or latents.
        stylization: the caller's own picture.
        interpolation: walks.
        keeping: stored pictures.

    Args:
        parts: what they share.
    """

    def __init__(self, parts: Parts) -> None:
        """Set each up."""
        self._parts = parts
        self.catalogue = parts.catalogue
        self.generation = Generation(parts)
        self.stylization = Stylization(parts)
        self.interpolation = Interpolation(parts)
        self.keeping = parts.keeping

    def check_room(self, size: int) -> None:
        """Refuse a large request that would be shed before its contents are looked at.

        A small one is read in no time, and may be answered from the cache.

        Args:
            size: bytes of the request.

        Raises:
            Overloaded: the server is full.
        """
        if size > _SMALL_BYTES:
            self._parts.admission.check()

    def close(self) -> None:
        """Start nothing more in threads."""
        self._parts.threads.close()
        self._parts.encoder.close()
