"""The gateway's settings: every field is a flag and an environment variable `IMPASTO_...`."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, CliImplicitFlag, SettingsConfigDict


class Settings(BaseSettings):
    """Serve pictures over gRPC, and metrics and health over HTTP."""

    model_config = SettingsConfigDict(
        env_prefix="IMPASTO_",
        cli_prog_name="python -m server",
        cli_kebab_case=True,
        cli_hide_none_type=True,
        extra="forbid",
    )

    model_repository: Path = Field(
        default=Path("model_repository"), description="Folder of models in Triton's layout."
    )
    model: str = Field(
        default="painting", description="The ensemble that turns latents and styles into pictures."
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Traffic is plain text, so by default only this machine.",
    )
    port: int = Field(default=8081, ge=0, le=65535, description="gRPC port; 0 picks a free one.")
    http_port: int = Field(
        default=8080, ge=0, le=65535, description="HTTP port; 0 picks a free one."
    )
    max_count: int = Field(
        default=64, ge=1, le=256, description="Greatest number of pictures in one request."
    )
    max_in_flight: int = Field(
        default=512,
        ge=1,
        description="Pictures that are being made or wait for it, over all requests; a request "
        "above that is shed at once instead of making everybody wait.",
    )
    allow_client_shm: CliImplicitFlag[bool] = Field(
        default=False,
        description="Let clients on this machine pass tensors in shared memory: they may then have "
        "the server read and write any shared memory object that it has the right to.",
    )
    drain_grace: float = Field(
        default=30.0,
        ge=0,
        description="Seconds that accepted requests have to finish after SIGTERM.",
    )

    @model_validator(mode="after")
    def _largest_request_fits(self) -> Self:
        if self.max_count > self.max_in_flight:
            raise ValueError(
                f"max_count ({self.max_count}) must not be over max_in_flight "
                f"({self.max_in_flight}): such a request would always be shed"
            )
        return self


def address(host: str, port: int) -> str:
    """`host:port`, with the brackets that IPv6 needs."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
