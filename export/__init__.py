"""Export: a checkpoint becomes an entry of the model repository."""
