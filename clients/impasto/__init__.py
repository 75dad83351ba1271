"""Impasto's Python client: pictures from seeds, painted in a style.

    from impasto import Client

    with Client("localhost:8081") as client:
        picture = client.generate(seed=7, style="great_wave")[0]
        picture.save("out.png")

`impasto.AsyncClient` is the same for asyncio.
"""

from impasto.aio import AsyncClient
from impasto.client import Client
from impasto.errors import ImpastoError
from impasto.pictures import Picture, PictureFormat, grid

__all__ = ["AsyncClient", "Client", "ImpastoError", "Picture", "PictureFormat", "grid"]
