"""`inference.GRPCInferenceService`, the Open Inference Protocol v2, over the core."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceServicer

from server.calls import Calls
from server.engines.base import Deadline
from server.grpc.calls import Context, unary
from server.grpc.inference_stream import InferenceStream
from server.inference.memory import Share
from server.inference.messages import decode, encode, to_dict
from server.inference.service import InferenceService
from server.telemetry.current import name_model

# ruff: noqa: N802, D102 - the methods' names and meanings are the protocol's


class GrpcInferenceService(GRPCInferenceServiceServicer):  # type: ignore[misc] # generated, untyped
    """Serves the core; methods that are not here answer UNIMPLEMENTED.

    Attributes:
        calls: the calls under way.
        service: its full name.

    Args:
        core: what answers.
        calls: the calls under way.
    """

    service: ClassVar[str] = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name

    def __init__(self, core: InferenceService, calls: Calls) -> None:
        """Keep the parts."""
        self._core = core
        self.calls = calls

    async def ServerLive(
        self, request: pb.ServerLiveRequest, context: Context
    ) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(
        self, request: pb.ServerReadyRequest, context: Context
    ) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(
            ready=self.calls.accepting and await self._core.engine.ready()
        )

    @unary
    async def ModelReady(
        self, request: pb.ModelReadyRequest, context: Context
    ) -> pb.ModelReadyResponse:
        found = await self._core.engine.model_ready(request.name, request.version)
        if found:
            name_model(request.name)
        return pb.ModelReadyResponse(ready=found)

    async def ServerMetadata(
        self, request: pb.ServerMetadataRequest, context: Context
    ) -> pb.ServerMetadataResponse:
        return self._core.metadata()

    @unary
    async def ModelMetadata(
        self, request: pb.ModelMetadataRequest, context: Context
    ) -> pb.ModelMetadataResponse:
        name_model(request.name)
        return await self._core.engine.metadata(request.name, request.version)

    @unary
    async def ModelConfig(
        self, request: pb.ModelConfigRequest, context: Context
    ) -> pb.ModelConfigResponse:
        name_model(request.name)
        config = await self._core.engine.config(request.name, request.version)
        return pb.ModelConfigResponse(config=config)

    @unary
    async def ModelStatistics(
        self, request: pb.ModelStatisticsRequest, context: Context
    ) -> pb.ModelStatisticsResponse:
        name_model(request.name)
        found = await self._core.engine.statistics(request.name, request.version)
        return pb.ModelStatisticsResponse(model_stats=found)

    @unary
    async def ModelInfer(
        self, request: pb.ModelInferRequest, context: Context
    ) -> pb.ModelInferResponse:
        name_model(request.model_name)
        share = Share(self._core.memory)
        try:
            deadline = Deadline.after(context.time_remaining())
            inference = decode(request, deadline, self._core.regions, share)
            return encode(inference, await self._core.engine.infer(inference.request))
        finally:
            share.give_back()

    async def ModelStreamInfer(
        self, requests: AsyncIterator[pb.ModelInferRequest], context: Context
    ) -> None:
        await InferenceStream(self._core, self.calls, requests, context).run()

    @unary
    async def RepositoryIndex(
        self, request: pb.RepositoryIndexRequest, context: Context
    ) -> pb.RepositoryIndexResponse:
        models = await self._core.index(request.repository_name, request.ready)
        return pb.RepositoryIndexResponse(models=models)

    @unary
    async def RepositoryModelLoad(
        self, request: pb.RepositoryModelLoadRequest, context: Context
    ) -> pb.RepositoryModelLoadResponse:
        name_model(request.model_name)
        parameters = to_dict(request.parameters)
        await self._core.load(request.model_name, request.repository_name, parameters)
        return pb.RepositoryModelLoadResponse()

    @unary
    async def RepositoryModelUnload(
        self, request: pb.RepositoryModelUnloadRequest, context: Context
    ) -> pb.RepositoryModelUnloadResponse:
        name_model(request.model_name)
        parameters = to_dict(request.parameters)
        await self._core.unload(request.model_name, request.repository_name, parameters)
        return pb.RepositoryModelUnloadResponse()

    @unary
    async def SystemSharedMemoryStatus(
        self, request: pb.SystemSharedMemoryStatusRequest, context: Context
    ) -> pb.SystemSharedMemoryStatusResponse:
        response = pb.SystemSharedMemoryStatusResponse()
        for region in self._core.regions.status(request.name):
            entry = response.regions[region.name]
            entry.name, entry.key = region.name, region.key
            entry.offset, entry.byte_size = region.offset, region.byte_size
        return response

    @unary
    async def SystemSharedMemoryRegister(
        self, request: pb.SystemSharedMemoryRegisterRequest, context: Context
    ) -> pb.SystemSharedMemoryRegisterResponse:
        self._core.regions.register(request.name, request.key, request.offset, request.byte_size)
        return pb.SystemSharedMemoryRegisterResponse()

    @unary
    async def SystemSharedMemoryUnregister(
        self, request: pb.SystemSharedMemoryUnregisterRequest, context: Context
    ) -> pb.SystemSharedMemoryUnregisterResponse:
        self._core.regions.unregister(request.name)
        return pb.SystemSharedMemoryUnregisterResponse()
