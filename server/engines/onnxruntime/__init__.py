"""The onnxruntime engine: Triton's scheduling semantics in one process, without a Triton."""
