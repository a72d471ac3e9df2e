"""The official OpenAI SDK with only base URL and key changed: what it gets is what OpenAI itself gives."""

import json
from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI

from tests.e2e.server import PROVIDER_KEY, Frontdesk, StandIn

USER = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture
def client(frontdesk: Frontdesk) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{frontdesk.address}/v1", api_key=frontdesk.demo["gateway_key"], max_retries=0) as made:
        yield made


@pytest.fixture
def direct(provider: StandIn) -> Iterator[OpenAI]:
    """The same SDK at the provider itself: what the gateway is compared with."""
    with OpenAI(base_url=provider.base_url, api_key=PROVIDER_KEY, max_retries=0) as made:
        yield made


def test_chat_gives_what_the_provider_gives(client: OpenAI, direct: OpenAI) -> None:
    through = client.chat.completions.create(model="gpt-4o-mini", messages=USER)
    straight = direct.chat.completions.create(model="gpt-4o-mini", messages=USER)

    assert through.choices[0].message.content == "The stand-in model heard: Hello"
    assert through.model_dump(exclude={"id"}) == straight.model_dump(exclude={"id"})


def test_a_stream_gives_the_same_chunks(client: OpenAI, direct: OpenAI) -> None:
    arguments = {"model": "gpt-4o-mini", "messages": USER, "stream": True, "stream_options": {"include_usage": True}}

    through = [chunk.model_dump(exclude={"id"}) for chunk in client.chat.completions.create(**arguments)]
    straight = [chunk.model_dump(exclude={"id"}) for chunk in direct.chat.completions.create(**arguments)]

    assert through == straight
    assert through[-1]["usage"]["completion_tokens"] > 0


def test_a_stream_without_usage_is_not_given_any(client: OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="gpt-4o-mini", messages=USER, stream=True))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "The stand-in model heard: Hello"
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called(client: OpenAI, direct: OpenAI, stream: bool) -> None:
    arguments = {"model": "gpt-4o-mini", "messages": USER, "tools": [WEATHER], "tool_choice": "required"}

    def read(sdk: OpenAI) -> list[tuple[str, str]]:
        if not stream:
            message = sdk.chat.completions.create(**arguments).choices[0].message
            return [(call.function.name, call.function.arguments) for call in message.tool_calls or []]
        with sdk.chat.completions.stream(**arguments) as events:
            message = events.get_final_completion().choices[0].message
        return [(call.function.name, call.function.arguments) for call in message.tool_calls or []]

    assert read(client) == read(direct)
    assert read(client)[0][0] == "get_weather"
    json.loads(read(client)[0][1])


@pytest.mark.parametrize(
    ("model", "kind", "status"),
    [
        ("fault-status:code=400", openai.BadRequestError, 400),
        ("fault-status:code=401", openai.AuthenticationError, 401),
        ("fault-status:code=404", openai.NotFoundError, 404),
        ("fault-status:code=429", openai.RateLimitError, 429),
        ("fault-status:code=500", openai.InternalServerError, 500),
        ("fault-status:code=503", openai.InternalServerError, 503),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_providers_refusal_is_the_sdks_own_exception(
    client: OpenAI, direct: OpenAI, model: str, kind: type[openai.APIStatusError], status: int, stream: bool
) -> None:
    with pytest.raises(kind) as straight:
        direct.chat.completions.create(model=model, messages=USER, stream=stream)
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=f"openai/{model}", messages=USER, stream=stream)

    assert caught.value.status_code == status
    if kind is openai.AuthenticationError:  # the provider's message may hold a part of the operator's key
        assert caught.value.code == "provider_key_rejected"
    else:
        assert caught.value.body == straight.value.body


def test_a_wait_is_passed_on(client: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="openai/fault-status:code=429,retry_after=7", messages=USER)

    assert caught.value.response.headers["retry-after"] == "7"


def test_a_wrong_key_is_an_authentication_error(frontdesk: Frontdesk, provider: StandIn) -> None:
    before = len(provider.calls())
    with (
        OpenAI(base_url=f"{frontdesk.address}/v1", api_key="fd_wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        stranger.chat.completions.create(model="gpt-4o-mini", messages=USER)

    assert caught.value.code == "invalid_api_key"
    assert len(provider.calls()) == before


def test_a_tenants_own_api_key_may_not_call_models(frontdesk: Frontdesk) -> None:
    with (
        OpenAI(base_url=f"{frontdesk.address}/v1", api_key=frontdesk.demo["tenant_api_key"], max_retries=0) as sdk,
        pytest.raises(openai.PermissionDeniedError) as caught,
    ):
        sdk.chat.completions.create(model="gpt-4o-mini", messages=USER)

    assert caught.value.code == "missing_scope"


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model-anywhere", messages=USER)

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_a_broken_stream_is_an_error_not_a_short_answer(client: OpenAI) -> None:
    received = []
    with pytest.raises(openai.APIError):
        for chunk in client.chat.completions.create(model="openai/fault-cut:at=3", messages=USER, stream=True):
            received.append(chunk)

    assert received


def test_models_are_listed(client: OpenAI) -> None:
    ids = [model.id for model in client.models.list()]

    assert "openai/gpt-4o-mini" in ids
    assert client.models.retrieve("openai/gpt-4o-mini").owned_by == "openai"


def test_every_call_is_in_the_ledger_under_its_request_id(client: OpenAI, frontdesk: Frontdesk) -> None:
    answered = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=USER)
    usage = answered.parse().usage
    assert usage is not None

    (call,) = frontdesk.last_calls(1)

    assert call["request_id"] == answered.headers["x-request-id"]
    assert (call["provider"], call["model"], call["operation"], call["status"]) == (
        "openai",
        "gpt-4o-mini",
        "chat",
        "success",
    )
    assert (call["input_tokens"], call["output_tokens"]) == (usage.prompt_tokens, usage.completion_tokens)
    # gpt-4o-mini: 0.15 and 0.60 USD per million tokens
    assert call["cost_nano_usd"] == usage.prompt_tokens * 150 + usage.completion_tokens * 600
