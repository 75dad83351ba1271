"""The gRPC listener: our service beside health and reflection on one port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from impasto.v1 import image_service_pb2 as pb
from impasto.v1 import image_service_pb2_grpc as pb_grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from server.errors import StartupError
from server.inference.memory import MAX_MESSAGE_BYTES, MEBIBYTE
from server.settings import address
from server.tls import Tls

SERVICE = pb.DESCRIPTOR.services_by_name["ImageService"].full_name
INFERENCE = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
# A request is a few dozen bytes or tensors; an answer is up to max_count pictures.
# HTTP/2 in grpcio's core, or in Rust outside the GIL.
Transport = Literal["grpcio", "native"]
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", 256 * MEBIBYTE),
)
# What is no work, such as a health watch that never ends, has so long once the work is done.
_LINGER_SECONDS = 1.0


class GrpcListener:
    """Listens from `start` to `stop`.

    Attributes:
        port: the bound port.

    Args:
        host: address to bind.
        port: port to bind; 0 picks a free one.
        transport: what speaks HTTP/2.
        tls: certificates; None is plain text.
        shared: whether other workers of this server listen on the same port.
    """

    def __init__(
        self,
        host: str,
        port: int,
        transport: Transport,
        tls: Tls | None = None,
        shared: bool = False,
    ) -> None:
        """Bind the port.

        Raises:
            StartupError: it cannot be bound, or the transport is not installed.
        """
        self._server = _new_server(transport, shared)
        self._handlers = _Unregistered(self._server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._handlers)
        names = (SERVICE, INFERENCE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._handlers)
        try:
            if tls is None:
                self.port = self._server.add_insecure_port(address(host, port))
            else:
                self.port = self._server.add_secure_port(address(host, port), tls.credentials())
        except RuntimeError as error:
            raise StartupError(
                f"gRPC cannot listen on {address(host, port)}; is another server there? Choose "
                f"another --host or --port (0 picks a free one)"
            ) from error

    def add(self, service: pb_grpc.ImageServiceServicer) -> None:
        """Answer by `service`; before `start`."""
        pb_grpc.add_ImageServiceServicer_to_server(service, self._handlers)

    def add_inference(self, service: service_pb2_grpc.GRPCInferenceServiceServicer) -> None:
        """Answer the Open Inference Protocol by `service`; before `start`."""
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(service, self._handlers)

    async def start(self) -> None:
        """Accept calls, and say so by the health service."""
        await self._server.start()
        for name in ("", SERVICE, INFERENCE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def turn_away(self) -> None:
        """Say NOT_SERVING by the health service from now on; calls are answered as before."""
        await self._health.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Close all connections; all answers must have left, and nobody should be calling.

        Once told to go away, gRPC closes a connection on its last answer's heels, and the system
        may then discard what the caller has not read yet; an idle connection is closed after a
        round trip, when everything was read. Calls that gRPC holds for us at this moment end as
        CANCELLED (https://github.com/grpc/grpc/issues/41785).
        """
        await self._server.stop(_LINGER_SECONDS)


class _Unregistered:
    """What generated code adds handlers to, as found by their names only.

    For every call grpc.aio waits anew on one future for each method that is registered; ours are
    thirty, which is a tenth of what the shortest call costs.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Add them."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """They have been added already."""


def _new_server(transport: Transport, shared: bool) -> grpc.aio.Server:
    # Two servers on one port would share its connections; the second must fail instead.
    options = (*_OPTIONS, ("grpc.so_reuseport", int(shared)))
    if transport == "grpcio":
        return grpc.aio.server(options=options)
    try:
        # An extra that not everybody has.
        import pygrpc_native.aio  # noqa: PLC0415
    except ImportError as error:
        raise StartupError(
            "--grpc-transport native needs the package pygrpc-native: pip install '.[fast]'"
        ) from error
    return pygrpc_native.aio.server(options=options)
