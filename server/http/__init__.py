"""The HTTP face: the studio, REST, metrics, health and the Open Inference Protocol v2."""
