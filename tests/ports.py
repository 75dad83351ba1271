"""Ports for servers that cannot choose their own.

From below those that the system gives away, and for each process of the tests others: two Tritons
on one port would share its callers and not complain.
"""

import os
import socket
from itertools import count

_FIRST, _OF_A_PROCESS = 20_000, 3_000
_process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = count(_FIRST + _process * _OF_A_PROCESS + os.getpid() % (_OF_A_PROCESS // 2))


def free_port() -> int:
    """One that nobody listens on."""
    for port in _ports:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("no port is free")
