"""LitServe: base64 in JSON comes in, since its requests are JSON or forms; raw bytes go out."""

from __future__ import annotations

import base64

import litserve as ls
from starlette.responses import Response

from benchmarks.peers.servers.work import (
    BATCH,
    FAST_QUEUE,
    PORT,
    WORKERS,
    setting,
    window,
    work_of_this_server,
)


class _Api(ls.LitAPI):  # type: ignore[misc] # of an environment of its own
    def setup(self, device: str) -> None:
        self._work = work_of_this_server()

    def decode_request(self, request: dict[str, str]) -> bytes:
        return base64.b64decode(request["row"])

    def predict(self, rows: list[bytes] | bytes) -> list[bytes] | bytes:
        # Without batches it is one row and not a list.
        return self._work(rows) if isinstance(rows, list) else self._work([rows])[0]

    def encode_response(self, answer: bytes) -> Response:
        return Response(answer, media_type="application/octet-stream")


if __name__ == "__main__":
    server = ls.LitServer(
        _Api(max_batch_size=setting(BATCH), batch_timeout=window()),
        accelerator="cpu",
        devices=1,
        workers_per_device=setting(WORKERS),
        timeout=60,
        fast_queue=bool(setting(FAST_QUEUE)),
    )
    server.run(
        host="127.0.0.1",
        port=setting(PORT),
        # One front process: it is not what takes the time, and the workers need the cores.
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
