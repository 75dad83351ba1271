"""The HTTP face: metrics, health and the Open Inference Protocol v2."""
