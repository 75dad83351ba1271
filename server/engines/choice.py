"""The engine that the settings ask for."""

from __future__ import annotations

from server.engines.base import Engine
from server.engines.onnxruntime.cache import ResponseCache
from server.engines.onnxruntime.control import ControlMode, ModelControl
from server.engines.onnxruntime.engine import OnnxRuntimeEngine
from server.engines.triton.channel import Tls
from server.engines.triton.engine import TritonEngine, TritonOptions
from server.settings import Settings
from server.telemetry.metrics import Metrics


def engine_of(settings: Settings, metrics: Metrics) -> Engine:
    """An engine that is not started yet."""
    if settings.engine == "onnxruntime":
        return _onnxruntime(settings, metrics)
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


def _onnxruntime(settings: Settings, metrics: Metrics) -> Engine:
    control = ModelControl(
        ControlMode(settings.model_control_mode),
        tuple(settings.load_model),
        settings.repository_poll_secs,
    )
    size = settings.response_cache_byte_size
    cache = ResponseCache(size, metrics.observe_cache) if size else None
    return OnnxRuntimeEngine(settings.model_repository, control, cache)
