"""mosec: raw bytes in and out. Its front is a process in Rust that makes the batches."""

from __future__ import annotations

from mosec import Server, Worker

from benchmarks.peers.servers.work import BATCH, WORKERS, setting, work_of_this_server


class _Worker(Worker):  # type: ignore[misc] # of an environment of its own
    resp_mime_type = "application/octet-stream"

    def __init__(self) -> None:
        self._work = work_of_this_server()

    def deserialize(self, data: bytes) -> bytes:
        return data

    def serialize(self, data: bytes) -> bytes:
        return data

    def forward(self, data: list[bytes] | bytes) -> list[bytes] | bytes:
        # Without batches it is one row and not a list.
        return self._work(data) if isinstance(data, list) else self._work([data])[0]


if __name__ == "__main__":
    server = Server()
    server.append_worker(
        _Worker,
        num=setting(WORKERS),
        max_batch_size=setting(BATCH),
        # Milliseconds; the least that there is. Without batches nothing waits.
        max_wait_time=1,
        timeout=60,
    )
    server.run()
