"""Bad input is named, with what was expected and what came, and does no harm."""

import grpc
import pytest
from impasto import Client, ImpastoError
from impasto.v1 import image_service_pb2 as pb
from impasto.v1 import image_service_pb2_grpc as pb_grpc
from running_server import RunningServer

KNOWN = (
    "great_wave, cafe_terrace, village_street, composition_viii, ryogoku_bridge, poppies, ejiri, "
    "benzaiten_shrine, moulin_de_la_galette, summertime, road_to_tarascon, night_cafe, "
    "church_at_auvers, spring"
)
CASES = {
    "unknown style": (
        pb.GenerateRequest(style="mona_lisa"),
        f"style: expected one of {KNOWN}, or none, got 'mona_lisa'",
    ),
    "no pictures": (
        pb.GenerateRequest(count=0),
        "count: expected a whole number from 1 on, got 0",
    ),
    "too many pictures": (pb.GenerateRequest(count=65), "count: expected 1 to 64, got 65"),
    "negative strength": (
        pb.GenerateRequest(style_strength=-0.5),
        "style_strength: expected a number from 0 to 1, got -0.5",
    ),
    "strength over 1": (
        pb.GenerateRequest(style_strength=1.5),
        "style_strength: expected a number from 0 to 1, got 1.5",
    ),
    "strength not a number": (
        pb.GenerateRequest(style_strength=float("nan")),
        "style_strength: expected a number from 0 to 1, got nan",
    ),
    "unknown format": (
        pb.GenerateRequest(format=9),
        "format: expected one of png, raw_rgb8, jpeg, webp, got 9",
    ),
}


@pytest.mark.parametrize(("request_", "message"), CASES.values(), ids=CASES.keys())
def test_names_field_expectation_and_value(
    server: RunningServer, request_: pb.GenerateRequest, message: str
) -> None:
    with grpc.insecure_channel(server.target) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            pb_grpc.ImageServiceStub(channel).Generate(request_, timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == message


def test_client_raises_its_own_error(client: Client) -> None:
    with pytest.raises(
        ImpastoError, match="INVALID_ARGUMENT: count: expected a whole number"
    ) as caught:
        client.generate(count=0)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.retry_after is None


def test_oversized_message_is_refused_and_the_server_lives(
    server: RunningServer, client: Client
) -> None:
    with pytest.raises(ImpastoError) as caught:
        client.generate(style="x" * 20_000_000)
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.generate(seed=1)


@pytest.mark.parametrize("length", [20_000, 400_000])
def test_overlong_style_name_is_cut_in_the_answer(client: Client, length: int) -> None:
    with pytest.raises(ImpastoError) as caught:
        client.generate(style="\u00e9" * length)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details.endswith(f"... ({length + 2} characters)")


def test_unreachable_server_is_unavailable() -> None:
    with Client("127.0.0.1:1", timeout=5) as client, pytest.raises(ImpastoError) as caught:
        client.generate()
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
