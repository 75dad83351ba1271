"""Engines: what runs the models. One small protocol, so that the gateway need not know which."""
