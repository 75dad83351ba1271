"""Training: data, the GAN and the stylizer. Writes checkpoints; never imports the server."""
