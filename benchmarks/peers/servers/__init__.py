"""One small server for each of the other systems; nothing of the gateway's is in them."""
