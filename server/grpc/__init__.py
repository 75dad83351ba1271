"""The gRPC face: thin servicers over the core."""
