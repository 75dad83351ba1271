"""The gateway: turns requests into pictures by way of an engine. Never imports torch."""
