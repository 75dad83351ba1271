"""The engine that leaves the running to NVIDIA Triton servers."""
