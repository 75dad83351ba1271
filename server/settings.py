"""The gateway's settings: every field is a flag and an environment variable `IMPASTO_...`."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, CliImplicitFlag, SettingsConfigDict

_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):\d{1,5}")

_TRACE_SCHEMES = ("http", "https", "grpc", "grpcs")


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
        default="landscapes",
        description="The ensemble that turns latents and styles into pictures.",
    )
    engine: Literal["onnxruntime", "triton"] = Field(
        default="onnxruntime",
        description="What runs the models: onnxruntime in this process, or NVIDIA Triton.",
    )
    triton_url: str | None = Field(
        default=None,
        description="gRPC address of a Triton over the same repository, host:port; several take "
        "turns: host:port,host:port.",
    )
    triton_tls: CliImplicitFlag[bool] = Field(
        default=False, description="Talk TLS to Triton; the other --triton-... files need it."
    )
    triton_ca: Path | None = Field(
        default=None, description="PEM file of the certificates to trust; without it the system's."
    )
    triton_certificate: Path | None = Field(
        default=None, description="PEM file of the certificate chain to show to Triton."
    )
    triton_key: Path | None = Field(
        default=None, description="PEM file of that certificate's private key."
    )
    triton_server_name: str = Field(
        default="",
        description="Name in Triton's certificate; without it the host of --triton-url.",
    )
    triton_shared_memory: CliImplicitFlag[bool] = Field(
        default=False,
        description="Pass tensors to a Triton on this machine in shared memory. A cancelled or "
        "late request is then finished by Triton all the same.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes that share the ports, with --engine triton: one Python process "
        "keeps one core busy. Bounds on pictures are divided among them; an API key's own limits "
        "count in each.",
    )
    model_control_mode: Literal["none", "explicit", "poll"] = Field(
        default="none",
        description="When models come and go: all are loaded at the start and stay (none), "
        "--load-model are loaded at the start and others on request (explicit), or what changes "
        "in the repository is followed (poll).",
    )
    load_model: list[str] = Field(
        default=[],
        description="A model to load at the start in mode explicit; may be given several times, "
        "'*' is all. An ensemble brings its steps; --model must be among them.",
    )
    repository_poll_secs: float = Field(
        default=15.0, gt=0, description="Seconds between two looks at the repository in mode poll."
    )
    response_cache_byte_size: int = Field(
        default=0,
        ge=0,
        description="Bytes that the response cache may take, for models whose configuration says "
        "response_cache { enable: true }; 0 is no cache.",
    )
    picture_cache_byte_size: int = Field(
        default=0,
        ge=0,
        description="Bytes that finished pictures may take: a request with a seed that was "
        "answered before is answered again without work, and callers who ask the same at once "
        "share the work; 0 is no cache. Needs models that stay as they are.",
    )
    store: Path | None = Field(
        default=None,
        description="Folder in which pictures are kept whose callers want it, one server at a "
        "time; without it, none are. What waits for the places below is in it, too.",
    )
    store_url: str | None = Field(
        default=None,
        description="Where the pictures' files go instead: s3://bucket/prefix; address and "
        "credentials of the store come from the environment (AWS_ENDPOINT_URL, "
        "AWS_ACCESS_KEY_ID, ...).",
    )
    store_database: str | None = Field(
        default=None,
        description="Where their catalogue goes instead: postgresql://user@host/database; rather "
        "in the environment than here where there is a password in it.",
    )
    store_max_byte_size: int = Field(
        default=0,
        ge=0,
        description="Bytes that the kept pictures may take; then the oldest go. 0 is no bound.",
    )
    store_max_age: float = Field(
        default=0.0,
        ge=0,
        le=1e10,
        allow_inf_nan=False,
        description="Seconds that a picture is kept; 0 is for ever.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on; any but this machine's own needs TLS, or "
        "--allow-plain-text.",
    )
    allow_plain_text: CliImplicitFlag[bool] = Field(
        default=False, description="Listen on --host without TLS, whoever may be listening in."
    )
    tls_certificate: Path | None = Field(
        default=None,
        description="PEM file of the certificate chain to show to callers: gRPC and HTTP then talk "
        "TLS. A changed file is taken over without a restart.",
    )
    tls_key: Path | None = Field(
        default=None, description="PEM file of that certificate's private key."
    )
    tls_client_ca: Path | None = Field(
        default=None,
        description="PEM file of the certificates that callers' own must be signed by (mutual "
        "TLS); without it callers need none.",
    )
    api_keys: Path | None = Field(
        default=None,
        description="File of API keys, made by `python -m server.keys`; callers then need one. "
        "Health, metrics, descriptions and the studio's page itself stay open.",
    )
    jwt_issuer: str | None = Field(
        default=None,
        min_length=1,
        description="Whose JSON Web Tokens callers may show in the place of API keys, as their "
        "claim iss says it; the other two --jwt-... flags go with it.",
    )
    jwt_audience: str | None = Field(
        default=None, min_length=1, description="What those tokens' claim aud must hold."
    )
    jwt_keys: str | None = Field(
        default=None,
        min_length=1,
        description="File or https URL of the issuer's public keys, a JSON Web Key Set; looked at "
        "again every five minutes, and when a token names a key that is not there.",
    )
    c2pa_certificate: Path | None = Field(
        default=None,
        description="PEM file of the certificate chain to sign Content Credentials (C2PA) with, "
        "for requests that ask for them.",
    )
    c2pa_key: Path | None = Field(
        default=None, description="PEM file of that certificate's private key."
    )
    port: int = Field(default=8081, ge=0, le=65535, description="gRPC port; 0 picks a free one.")
    grpc_transport: Literal["grpcio", "native"] = Field(
        default="grpcio",
        description="What speaks HTTP/2 for gRPC: grpcio, or pygrpc-native, a young server in Rust "
        "that takes small requests at about twice the rate.",
    )
    http_port: int = Field(
        default=8080, ge=0, le=65535, description="HTTP port; 0 picks a free one."
    )
    max_count: int = Field(
        default=64, ge=1, le=256, description="Greatest number of pictures in one request."
    )
    max_in_flight: int = Field(
        default=512,
        ge=1,
        description="Pictures in flight over all requests, finished ones that callers have yet to "
        "take included; a request above that is shed at once.",
    )
    max_backlog: int | None = Field(
        default=None,
        ge=1,
        description="Pictures that are being made or wait for it before a request is shed, unless "
        "there was nothing to do: then what comes at once is taken, up to --max-in-flight. Without "
        "it a batch and a half of the models, at least 12, and one for each core beyond the first, "
        "or as much for each Triton. More lets callers wait longer when there are too many.",
    )
    metrics: CliImplicitFlag[bool] = Field(
        default=True,
        description="Measure calls, stages and models, and show it on /metrics; --no-metrics does "
        "neither.",
    )
    allow_client_shm: CliImplicitFlag[bool] = Field(
        default=False,
        description="Let clients on this machine pass tensors in shared memory: they may then have "
        "the server read and write any shared memory object that it has the right to.",
    )
    trace_url: str | None = Field(
        default=None,
        description="OpenTelemetry collector to send traces to (OTLP): http://host:4318 or "
        "https://..., grpc://host:4317 or grpcs://...; without it there are none. Takes the extra "
        "[traces].",
    )
    trace_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the calls that are traced, of those whose callers send no trace "
        "context; the others have decided themselves.",
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

    @model_validator(mode="after")
    def _cached_models_stay(self) -> Self:
        changing = self.engine == "triton" or self.model_control_mode != "none"
        if self.picture_cache_byte_size and changing:
            raise ValueError(
                "--picture-cache-byte-size needs --engine onnxruntime and --model-control-mode "
                "none: models that change would make other pictures"
            )
        return self

    @model_validator(mode="after")
    def _workers_share_nothing(self) -> Self:
        if self.workers == 1:
            return self
        if self.engine != "triton":
            raise ValueError(
                "--workers needs --engine triton: onnxruntime uses all cores in one process"
            )
        if self.grpc_transport == "native":
            raise ValueError("--workers needs --grpc-transport grpcio")
        for name in ("store", "allow_client_shm"):
            if getattr(self, name):
                flag = name.replace("_", "-")
                raise ValueError(f"--{flag} needs --workers 1: it belongs to one process")
        if self.max_count * self.workers > self.max_in_flight:
            raise ValueError(
                f"max_in_flight ({self.max_in_flight}) must be at least max_count "
                f"({self.max_count}) for each of {self.workers} workers"
            )
        return self

    @model_validator(mode="after")
    def _store_has_a_folder(self) -> Self:
        fields = {name for name in self.model_fields_set if name.startswith("store_")}
        if fields and self.store is None:
            raise ValueError(f"{', '.join(sorted(fields))}: needs --store FOLDER")
        return self

    @model_validator(mode="after")
    def _plain_text_stays_here(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("--tls-certificate and --tls-key go together")
        if self.tls_client_ca is not None and self.tls_key is None:
            raise ValueError("--tls-client-ca needs --tls-certificate and --tls-key")
        if self.tls_key is not None and self.grpc_transport == "native":
            raise ValueError("TLS needs --grpc-transport grpcio")
        if self.tls_key is None and not self.allow_plain_text and not _is_loopback(self.host):
            raise ValueError(
                f"host: {self.host!r} can be reached from other machines; give --tls-certificate "
                f"and --tls-key, or --allow-plain-text"
            )
        return self

    @model_validator(mode="after")
    def _signing_is_described(self) -> Self:
        if (self.c2pa_certificate is None) != (self.c2pa_key is None):
            raise ValueError("--c2pa-certificate and --c2pa-key go together")
        return self

    @model_validator(mode="after")
    def _tokens_are_described(self) -> Self:
        fields = (self.jwt_issuer, self.jwt_audience, self.jwt_keys)
        if any(fields) and not all(fields):
            raise ValueError("--jwt-issuer, --jwt-audience and --jwt-keys go together")
        if self.jwt_keys is not None and self.jwt_keys.startswith("http://"):
            raise ValueError("--jwt-keys: expected a file or an https URL, got an http URL")
        if self.jwt_keys is not None and urlsplit(self.jwt_keys).username is not None:
            # It is shown in the log.
            raise ValueError("--jwt-keys: expected a URL without a name and a password in it")
        return self

    @model_validator(mode="after")
    def _traces_have_a_place(self) -> Self:
        if self.trace_url is None:
            if "trace_share" in self.model_fields_set:
                raise ValueError("--trace-share needs --trace-url")
            return self
        try:
            parts = urlsplit(self.trace_url)
            fits = parts.scheme in _TRACE_SCHEMES and parts.hostname and parts.port != 0
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"--trace-url: expected {', '.join(_TRACE_SCHEMES)}://host:port, got "
                f"{self.trace_url!r}"
            )
        if parts.username is not None:
            # It is shown in the log.
            raise ValueError(
                "--trace-url: expected a URL without a name and a password in it; they go into "
                "OTEL_EXPORTER_OTLP_HEADERS"
            )
        return self

    @model_validator(mode="after")
    def _control_is_ours(self) -> Self:
        fields = {"model_control_mode", "load_model", "repository_poll_secs"}
        fields.add("response_cache_byte_size")
        if self.engine == "triton" and (given := sorted(fields & self.model_fields_set)):
            raise ValueError(f"{', '.join(given)}: a matter of the Triton's own flags")
        if self.load_model and self.model_control_mode != "explicit":
            raise ValueError("--load-model needs --model-control-mode explicit")
        return self

    @model_validator(mode="after")
    def _triton_is_described(self) -> Self:
        if (self.engine == "triton") != (self.triton_url is not None):
            raise ValueError("--engine triton and --triton-url HOST:PORT go together")
        for url in self.triton_urls:
            if not _HOST_AND_PORT.fullmatch(url):
                raise ValueError(f"triton_url: expected host:port, got {url!r}, without http://")
        files = (self.triton_ca, self.triton_certificate, self.triton_key)
        if not self.triton_tls and (any(files) or self.triton_server_name):
            raise ValueError("the files and the server name of TLS to Triton need --triton-tls")
        if (self.triton_certificate is None) != (self.triton_key is None):
            raise ValueError("--triton-certificate and --triton-key go together")
        if self.triton_shared_memory and len(self.triton_urls) != 1:
            raise ValueError("--triton-shared-memory needs --engine triton and exactly one URL")
        if self.triton_tls and len(self.triton_urls) > 1 and not self.triton_server_name:
            raise ValueError("TLS to several Tritons needs the --triton-server-name they share")
        return self

    @property
    def triton_urls(self) -> list[str]:
        """The addresses in `triton_url`."""
        return self.triton_url.split(",") if self.triton_url is not None else []


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(host: str, port: int) -> str:
    """`host:port`, with the brackets that IPv6 needs."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
