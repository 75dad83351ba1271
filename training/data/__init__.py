"""Where pictures and pretrained weights come from, and how they become tensors."""
