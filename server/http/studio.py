"""The studio: the web page for people, served from memory under a strict policy."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from server.errors import StartupError

FOLDER = Path(__file__).parents[2] / "clients" / "studio"
_PAGE = "index.html"
# What Python's table leaves to the system, and a browser would refuse to run.
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}
_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "connect-src 'self'",
            "media-src blob:",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Kept, but asked for each time: a new server's page is never mixed with an old one's.
    "Cache-Control": "no-cache",
}


class _File(NamedTuple):
    data: bytes
    media: str
    tag: str


def studio_routes(folder: Path = FOLDER) -> list[BaseRoute]:
    """The page at `/`, and all that it is made of beneath `/studio/`.

    Args:
        folder: where its files are; they are read once.

    Raises:
        StartupError: there is no page.
    """
    files = {
        path.relative_to(folder).as_posix(): _read(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    if _PAGE not in files:
        raise StartupError(f"{folder / _PAGE}: expected the studio's page, found none")

    async def page(request: Request) -> Response:
        return _answer(request, files[_PAGE])

    async def part(request: Request) -> Response:
        file = files.get(request.path_params["path"])
        if file is None:
            return PlainTextResponse("the studio has no such file\n", 404, _HEADERS)
        return _answer(request, file)

    return [Route("/", page), Route("/studio/{path:path}", part)]


def _read(path: Path) -> _File:
    data = path.read_bytes()
    media = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    tag = f'"{hashlib.sha256(data).hexdigest()}"'
    return _File(data, media or "application/octet-stream", tag)


def _answer(request: Request, file: _File) -> Response:
    headers = {**_HEADERS, "ETag": file.tag}
    if file.tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.data, media_type=file.media, headers=headers)
