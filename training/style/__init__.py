"""The stylizer: network, perceptual losses and the trainer."""
