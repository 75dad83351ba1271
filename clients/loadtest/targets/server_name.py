"""What a server calls itself, over the Open Inference Protocol."""

from __future__ import annotations

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from loadtest.targets.grpc_calls import GrpcCalls


async def server_name(calls: GrpcCalls) -> str:
    """Name and version; empty where it does not speak that protocol, or not to us."""
    stub = GRPCInferenceServiceStub(calls.channels[0])
    try:
        told = await stub.ServerMetadata(pb.ServerMetadataRequest(), **calls.options)
    except grpc.aio.AioRpcError:
        return ""
    return f"{told.name} {told.version}".strip()
