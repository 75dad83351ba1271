"""The GAN: networks, losses, augmentation and the trainer."""
