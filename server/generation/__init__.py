"""The transport-free core: from a validated request to encoded pictures."""
