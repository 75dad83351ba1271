"""Content Credentials (C2PA): a signed statement within the file of how a picture was made."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import c2pa
import numpy as np

from server.errors import InvalidArgument, StartupError
from server.generation.encoding import Work, encode
from server.generation.provenance import GENERATED, PAINTED_OVER, told
from server.generation.requests import Encoding, OutputFormat
from server.generation.signing_certificate import read_certificate

_RECIPE = "impasto.recipe"
# Every part of a manifest begins with a box of this name; the time that the library takes for a
# picture grows with the square of their number: 0.1 s for 500, 14 s for 8000.
_BOX, _MAX_BOXES = b"jumd", 400
_SETTINGS = {
    # A caller's file may name addresses; nothing is ever fetched from there, nor from elsewhere.
    # And what is compressed in it stays so: nobody knows how many boxes that would be.
    "core": {"allowed_network_hosts": [], "max_decompressed_manifest_size_in_mb": 0},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}},
}


class Signer:
    """Signs pictures with one certificate; safe in any thread.

    Args:
        certificate: PEM file of the chain, the signer's own first.
        key: PEM file of that certificate's private key.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        """Sign a first picture.

        Raises:
            StartupError: the files cannot be used; it says why.
        """
        found = read_certificate(certificate, key)
        self._expires = found.expires
        try:
            info = c2pa.C2paSignerInfo(found.algorithm, found.chain, found.key, None)
            self._context = c2pa.Context.from_dict(_SETTINGS, c2pa.Signer.from_info(info))
            self._try()
        except c2pa.C2paError as error:
            raise StartupError(
                f"{certificate}: cannot sign Content Credentials ({error}); C2PA wants a "
                f"certificate of an authority, not of itself, with key usage digitalSignature and "
                f"extended key usage emailProtection, documentSigning or C2PA's own"
            ) from error

    def check(self) -> None:
        """Check that what is signed now is worth it.

        Raises:
            InvalidArgument: it is not.
        """
        if datetime.now(UTC) > self._expires:
            raise InvalidArgument(
                "content_credentials", "false: the server's certificate has expired", True
            )

    def sign(self, data: bytes, output_format: OutputFormat, work: Work) -> bytes:
        """The file with a manifest; not the same bytes twice.

        Raises:
            InvalidArgument: the credentials of the picture that it was made from are broken.
        """
        media = f"image/{output_format.value}"
        file = io.BytesIO()
        with c2pa.Builder(_manifest(media, work), self._context) as builder:
            if work.parent:
                _add_parent(builder, work.parent)
            builder.sign(media, io.BytesIO(data), file)
        return file.getvalue()

    def _try(self) -> None:
        work = Work(np.zeros((1, 1, 3), np.uint8), GENERATED, {})
        signed = self.sign(encode(work, Encoding()), OutputFormat.PNG, work)
        with c2pa.Reader("image/png", io.BytesIO(signed), context=self._context) as reader:
            # Whether readers trust the authority is theirs to say.
            if reader.get_validation_state() not in {"Valid", "Trusted"}:
                raise c2pa.C2paError(str(reader.get_validation_results()))


def _manifest(media: str, work: Work) -> dict[str, Any]:
    """What is signed: who made it, how, and the recipe."""
    done = "c2pa.edited" if work.source == PAINTED_OVER else "c2pa.created"
    actions = [{"action": done, "digitalSourceType": work.source}]
    # The server vouches for both: neither comes from a caller's tool.
    return {
        "claim_generator_info": [{"name": "Impasto", "version": version("impasto")}],
        "format": media,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}, "created": True},
            {"label": _RECIPE, "data": told(work.recipe), "created": True},
        ],
    }


def _add_parent(builder: c2pa.Builder, parent: bytes) -> None:
    """Name the picture that was painted over, with the credentials that it has itself."""
    if (boxes := parent.count(_BOX)) > _MAX_BOXES:
        raise InvalidArgument(
            "picture", f"a file whose Content Credentials have at most {_MAX_BOXES} boxes", boxes
        )
    # Says first of all that it was opened.
    builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
    try:
        builder.add_ingredient({"relationship": "parentOf"}, _media(parent), io.BytesIO(parent))
    except c2pa.C2paError as error:
        raise InvalidArgument(
            "picture", "a file whose own Content Credentials can be read, or without any", error
        ) from error


def _media(data: bytes) -> str:
    """The type of a file that was decoded before."""
    if data.startswith(b"\x89PNG"):
        return "image/png"
    return "image/webp" if data.startswith(b"RIFF") else "image/jpeg"
