"""MLServer: a model for it, with its settings.

It turns numeric tensors into Python lists of numbers, raw ones too, so rows and answers are tensors
of the type BYTES, which it passes on whole.
"""

from __future__ import annotations

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

from benchmarks.peers.servers.work import work_of_this_server


class Model(MLModel):  # type: ignore[misc] # of an environment of its own
    """The work as a model of MLServer's."""

    async def load(self) -> bool:
        """Load the models."""
        self._work = work_of_this_server()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer a batch, which MLServer made of several requests."""
        answers = self._work(payload.inputs[0].data.root)
        output = ResponseOutput(
            name="answer", datatype="BYTES", shape=[len(answers), 1], data=answers
        )
        return InferenceResponse(model_name=self.name, outputs=[output])
