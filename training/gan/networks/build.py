"""Networks by name, checked against what they can make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from training.data.layout import DataLayout
from training.errors import SettingsError
from training.gan.networks import dcgan, mlp, residual
from training.gan.networks.projected import PROJECTED_TAPS, ProjectedDiscriminator
from training.pretrained.lite0 import load_lite0

GENERATORS = ("mlp", "dcgan", "residual")
DISCRIMINATORS = (*GENERATORS, "projected")
_SIDES = (32, 64, 128, 256)


def check_network(name: str, known: tuple[str, ...], field: str, side: int, channels: int) -> None:
    """Check that the network exists and makes pictures of that kind.

    Raises:
        SettingsError: it does not.
    """
    if name not in known:
        raise SettingsError(f"{field}: expected one of {', '.join(known)}, got {name!r}")
    if name == "mlp":
        if (side, channels) != (mlp.SIDE, 1):
            raise SettingsError(
                f"resolution: {field} mlp makes grey pictures of {mlp.SIDE} pixels, got {channels} "
                f"channels of {side}; choose --data-set fashion or mnist and --resolution 28, or "
                f"{field} dcgan"
            )
    elif side not in _SIDES:
        raise SettingsError(
            f"resolution: {field} {name} supports {', '.join(map(str, _SIDES))}, got {side}"
        )


def _family(name: str) -> Any:
    """The module of a convolutional family."""
    return {"dcgan": dcgan, "residual": residual}[name]


def build_generator(
    name: str, side: int, channels: int, latent_size: int, width: int, classes: int
) -> nn.Module:
    """The generator `name`; see its class for the arguments.

    Raises:
        SettingsError: there is none of that name, or it makes no such pictures.
    """
    check_network(name, GENERATORS, "--network", side, channels)
    if name == "mlp":
        return mlp.Generator(latent_size, classes)
    generator: nn.Module = _family(name).Generator(side, channels, latent_size, width, classes)
    return generator


def build_discriminator(
    name: str,
    side: int,
    channels: int,
    width: int,
    classes: int,
    layout: DataLayout,
    normalise_spectrum: bool = False,
) -> nn.Module:
    """The discriminator `name`; see its class for the arguments.

    Args:
        name: one of `DISCRIMINATORS`.
        side: of the pictures.
        channels: of the pictures.
        width: of the features.
        classes: number of class weights, 0 for none.
        layout: where a projected discriminator's pretrained trunk lies.
        normalise_spectrum: spectral normalisation of every layer (Miyato et al., arXiv 1802.05957).

    Raises:
        SettingsError: there is none of that name, or it judges no such pictures.
        DataError: the pretrained trunk is missing.
    """
    if name == "projected":
        return ProjectedDiscriminator(load_lite0(layout, PROJECTED_TAPS), classes)
    check_network(name, DISCRIMINATORS, "--discriminator", side, channels)
    if name == "mlp":
        discriminator: nn.Module = mlp.Discriminator(classes)
    else:
        discriminator = _family(name).Discriminator(side, channels, width, classes)
    if normalise_spectrum:
        for module in list(discriminator.modules()):
            if isinstance(module, nn.Conv2d | nn.Linear):
                spectral_norm(module)
    return discriminator


def class_count(settings: Mapping[str, Any]) -> int:
    """Number of class weights that a run's networks take: 0 unless it is conditional."""
    return len(settings["classes"]) if settings["conditional"] else 0


def generator_of(settings: Mapping[str, Any]) -> nn.Module:
    """The generator that a run's settings describe, as its checkpoints hold them.

    Raises:
        SettingsError: there is no such network, or it makes no such pictures.
    """
    return build_generator(
        settings["network"],
        settings["resolution"],
        settings["channels"],
        settings["latent_size"],
        settings["generator_width"],
        class_count(settings),
    )


def discriminator_of(settings: Mapping[str, Any], layout: DataLayout) -> nn.Module:
    """The discriminator that a run's settings describe, as its checkpoints hold them.

    Raises:
        SettingsError: there is no such network, or it judges no such pictures.
        DataError: its pretrained trunk is missing.
    """
    return build_discriminator(
        settings["discriminator"],
        settings["resolution"],
        settings["channels"],
        settings["discriminator_width"],
        class_count(settings),
        layout,
        settings["spectral_norm"],
    )
