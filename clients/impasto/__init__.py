"""Impasto's Python client: pictures from seeds, painted in a style.

    from impasto import Client

    with Client("localhost:8081") as client:
        picture = client.generate(seed=7, style="great_wave")[0]
        picture.save("out.png")

`impasto.AsyncClient` is the same for asyncio.
"""

from impasto.aio import AsyncClient
from impasto.client import Client
from impasto.connection import Credentials
from impasto.errors import ImpastoError
from impasto.options import Priority, Waypoint
from impasto.pictures import ModelInfo, Picture, PictureFormat, StoredPicture, StyleInfo, grid

__all__ = [
    "AsyncClient",
    "Client",
    "Credentials",
    "ImpastoError",
    "ModelInfo",
    "Picture",
    "PictureFormat",
    "Priority",
    "StoredPicture",
    "StyleInfo",
    "Waypoint",
    "grid",
]
