"""What the answering of every kind of request shares."""

from __future__ import annotations

from dataclasses import dataclass

from server.errors import InvalidArgument
from server.generation.admission import Admission
from server.generation.catalogue import Catalogue
from server.generation.encoding import Encoder
from server.generation.keeping import Keeping
from server.generation.picture_cache import PictureCache
from server.threads import Threads


@dataclass(frozen=True)
class Parts:
    """The shared parts.

    Attributes:
        catalogue: what can be asked for.
        admission: what refuses work.
        threads: where files are decoded.
        encoder: what encodes pictures.
        cache: what was made before.
        keeping: where pictures are kept that callers want kept.
        max_count: greatest number of pictures in one request.
    """

    catalogue: Catalogue
    admission: Admission
    threads: Threads
    encoder: Encoder
    cache: PictureCache
    keeping: Keeping
    max_count: int

    def check_count(self, field: str, count: int) -> None:
        """Check a number of pictures.

        Raises:
            InvalidArgument: it is too great.
        """
        if count > self.max_count:
            raise InvalidArgument(field, f"1 to {self.max_count}", count)
