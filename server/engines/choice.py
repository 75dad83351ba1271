"""The engine that the settings ask for."""

from __future__ import annotations

from server.engines.base import Engine
from server.engines.onnxruntime.engine import OnnxRuntimeEngine
from server.engines.triton.channel import Tls
from server.engines.triton.engine import TritonEngine, TritonOptions
from server.settings import Settings


def engine_of(settings: Settings) -> Engine:
    """An engine that is not started yet."""
    if settings.engine == "onnxruntime":
        return OnnxRuntimeEngine(settings.model_repository)
    tls = Tls(
        settings.triton_ca,
        settings.triton_certificate,
        settings.triton_key,
        settings.triton_server_name,
    )
    return TritonEngine(
        TritonOptions(
            settings.triton_urls,
            tls if settings.triton_tls else None,
            settings.triton_shared_memory,
        )
    )
