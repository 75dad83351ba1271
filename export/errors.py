"""The exceptions of export."""


class ExportError(Exception):
    """Base of everything that export raises on purpose."""


class ParityError(ExportError):
    """The ONNX file does not compute what the PyTorch module computes."""
