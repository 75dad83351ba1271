"""The exceptions of training; each message names the thing, what was expected and what to do."""


class TrainingError(Exception):
    """Base of everything that training raises on purpose."""


class DataError(TrainingError):
    """A data set or pretrained network is missing, incomplete or not what was pinned."""


class SettingsError(TrainingError):
    """A setting is unknown or does not go with another one."""


class CheckpointError(TrainingError):
    """A checkpoint cannot be read, or does not belong to this run."""


class DivergedError(TrainingError):
    """Training produced numbers that are not finite."""
