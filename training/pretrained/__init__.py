"""Frozen networks that others trained: the VGG trunks and EfficientNet-Lite0."""
