"""Stand-in for Triton's native ONNX Runtime backend, where Triton comes from pip without it.

Triton loads this file for every model that says `backend: "onnxruntime"`. It adds the cost of a
process and of copies, so its speed says nothing about the native backend's.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb


class TritonPythonModel:
    """One instance of one model version."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the version's model.onnx."""
        config = json.loads(args["model_config"])
        options = ort.SessionOptions()
        threads = config["parameters"].get("intra_op_thread_count", {"string_value": "0"})
        options.intra_op_num_threads = int(threads["string_value"])
        # Threads that spin take the cores from the server and from the other instances.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        providers = ["CPUExecutionProvider"]
        self._session = ort.InferenceSession(str(path), options, providers=providers)
        self._inputs = [item["name"] for item in config["input"]]
        self._batches = config["max_batch_size"] > 0

    def execute(self, requests: list[pb.InferenceRequest]) -> list[pb.InferenceResponse]:
        """Answer each request; Triton's batcher sends only requests of one shape together."""
        groups = [requests] if self._batches else [[request] for request in requests]
        return [answer for group in groups for answer in self._answer(group)]

    def _answer(self, requests: list[pb.InferenceRequest]) -> list[pb.InferenceResponse]:
        try:
            return self._run(requests)
        # Whatever fails must answer these requests, and only these.
        except Exception as error:
            return [pb.InferenceResponse(error=pb.TritonError(str(error))) for _ in requests]

    def _run(self, requests: list[pb.InferenceRequest]) -> list[pb.InferenceResponse]:
        feed, rows = {}, []
        for name in self._inputs:
            parts = [pb.get_input_tensor_by_name(item, name).as_numpy() for item in requests]
            rows = [len(part) if self._batches else 1 for part in parts]
            feed[name] = np.concatenate(parts) if len(parts) > 1 else parts[0]
        wanted = sorted({name for item in requests for name in item.requested_output_names()})
        made = dict(zip(wanted, self._session.run(wanted, feed), strict=True))
        ends = np.cumsum(rows)
        answers = []
        for request, end, count in zip(requests, ends, rows, strict=True):
            own = slice(end - count, end) if self._batches else slice(None)
            tensors = [
                pb.Tensor(name, made[name][own]) for name in request.requested_output_names()
            ]
            answers.append(pb.InferenceResponse(tensors))
        return answers
