"""What the gateway shows of itself."""
