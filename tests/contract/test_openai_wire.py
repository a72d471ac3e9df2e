"""The OpenAI chat wire against recorded provider traffic: what Frontdesk reads and passes on is what the SDK reads."""

import collections
import json
from typing import Any

import msgspec
import openai
import pytest

from frontdesk.gateway.errors import (
    CallerError,
    Decision,
    GatewayError,
    ProviderError,
    ProviderKeyError,
    RateLimited,
)
from frontdesk.gateway.ingress import openai_chat
from frontdesk.gateway.messages import Delta, Request
from frontdesk.gateway.providers import openai as wire
from frontdesk.gateway.snapshot import Model, Provider, Target
from tests.contract import openai_reading as reading
from tests.standins import cases
from tests.standins.cases import Case

CREATED_S = 1_760_000_000
TARGET = Target(Provider(name="p", wire="openai", base_url="https://p.test/v1"), Model(provider="p", name="m"), None)
CUTS = {
    "uncut": reading.uncut,
    "single bytes": reading.single_bytes,
    **{f"seed {seed}": reading.cut_at_random(seed) for seed in (1, 2, 3, 4)},
}


def _class_of(case: Case) -> str:
    """Sort every case into one class."""
    if case.status >= 400:
        return f"error {case.status}"
    if case.is_usable:
        return "stream" if case.is_stream else "json"
    if not case.body:
        return "empty body"
    if case.sdk_reads.get("error") == "APIError":
        return "error event"
    return "not a chat stream" if case.is_stream else "not a chat completion"


ALL = cases.load()
BY_CLASS: dict[str, list[Case]] = collections.defaultdict(list)
for _case in ALL.values():
    BY_CLASS[_class_of(_case)].append(_case)
ERRORS = [case for name, found in BY_CLASS.items() if name.startswith("error 4") for case in found]


def _each(found: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", found, ids=lambda case: f"{case.provider}-{case.id}")


def _request(*, stream: bool = False, include_usage: bool = True) -> Request:
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "?"}], "stream": stream}
    if stream and include_usage:
        body["stream_options"] = {"include_usage": True}
    return openai_chat.parse(json.dumps(body).encode())


def _deltas(body: bytes, cut: reading.Cut = reading.uncut) -> list[Delta]:
    reader = wire.StreamReader()
    deltas: list[Delta] = []
    for piece in cut(body):
        deltas.extend(reader.feed(piece))
    deltas.extend(reader.end())
    return deltas


def _renderer(request: Request) -> openai_chat.StreamRenderer:
    return openai_chat.StreamRenderer(request, CREATED_S)


def test_every_recorded_case_has_its_class() -> None:
    counts = {name: len(found) for name, found in BY_CLASS.items()}

    assert counts == {
        "json": 177,
        "stream": 69,
        "error 400": 5,
        "error 401": 2,
        "error 404": 2,
        "error 429": 1,
        "error event": 1,
        "empty body": 1,
        "not a chat completion": 3,
        "not a chat stream": 4,
    }


@_each(BY_CLASS["json"])
def test_completion_is_read_as_the_sdk_reads_it(case: Case) -> None:
    reply = wire.read_reply(case.body)

    recorded = reading.of_recording(case.sdk_reads)
    assert reading.of_reply(reply) == _without_usage(recorded)
    assert reading.bill_in_buckets(reply.usage) == reading.bill_of(recorded.usage)


@_each(BY_CLASS["json"])
def test_completion_passed_on_is_read_by_the_sdk_as_the_original(case: Case) -> None:
    body = openai_chat.render_reply(wire.read_reply(case.body), CREATED_S)

    assert reading.read_with_sdk(body) == reading.of_recording(case.sdk_reads)


@_each(BY_CLASS["json"])
def test_completion_of_another_format_keeps_text_tools_and_tokens(case: Case) -> None:
    reply = msgspec.structs.replace(wire.read_reply(case.body), native=None)

    read = reading.read_with_sdk(openai_chat.render_reply(reply, CREATED_S))

    recorded = reading.of_recording(case.sdk_reads)
    assert (read.text, read.tools, read.finish) == (recorded.text, recorded.tools, reply.finish)
    assert _totals(read.usage) == _totals_of_bill(recorded.usage)


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
@_each(BY_CLASS["stream"])
def test_stream_cut_anywhere_is_read_as_the_sdk_reads_it(case: Case, cut: reading.Cut) -> None:
    read, usage = reading.of_deltas(_deltas(case.body, cut))

    recorded = reading.of_recording(case.sdk_reads)
    assert read == _without_usage(recorded)
    assert reading.bill_in_buckets(usage) == reading.bill_of(recorded.usage or _groq_usage(case))


@_each(BY_CLASS["stream"])
def test_stream_passed_on_is_read_by_the_sdk_as_the_original(case: Case) -> None:
    renderer = _renderer(_request(stream=True))

    body = renderer.render(_deltas(case.body, reading.cut_at_random(7))) + renderer.end()

    assert reading.read_stream_with_sdk(body) == reading.of_recording(case.sdk_reads)


@_each(BY_CLASS["stream"])
def test_stream_of_another_format_keeps_text_tools_and_tokens(case: Case) -> None:
    renderer = _renderer(_request(stream=True))
    deltas = [msgspec.structs.replace(delta, native=None) for delta in _deltas(case.body)]

    read = reading.read_stream_with_sdk(renderer.render(deltas) + renderer.end())

    recorded = reading.of_recording(case.sdk_reads)
    assert (read.text, read.tools) == (recorded.text, recorded.tools)
    assert _totals(read.usage) == _totals_of_bill(recorded.usage or _groq_usage(case))


@_each(BY_CLASS["stream"])
def test_stream_shows_no_usage_to_a_client_that_did_not_ask(case: Case) -> None:
    renderer = _renderer(_request(stream=True, include_usage=False))

    read = reading.read_stream_with_sdk(renderer.render(_deltas(case.body)) + renderer.end())

    assert read == _without_usage(reading.of_recording(case.sdk_reads))


@_each([case for case in BY_CLASS["stream"] if len(case.body) < 5_000][:12])
def test_stream_without_its_end_is_an_error_wherever_it_is_cut(case: Case) -> None:
    last = case.body.rfind(b'"finish_reason":"')
    last = last if last >= 0 else case.body.rfind(b'"finish_reason": "')
    for length in range(0, last, max(1, last // 40)):
        reader = wire.StreamReader()

        with pytest.raises(ProviderError):
            reader.feed(case.body[:length])
            reader.end()


@_each([case for case in ALL.values() if case.request and "_removed" not in case.request])
def test_request_reaches_an_equal_provider_unchanged(case: Case) -> None:
    sent = wire.build_request(openai_chat.parse(json.dumps(case.request).encode()), TARGET, "sk-1")

    expected = {**(case.request or {}), "model": "m"}
    if expected.get("stream"):
        expected["stream_options"] = {**(expected.get("stream_options") or {}), "include_usage": True}
    assert json.loads(sent.body) == expected
    assert (sent.method, sent.url) == ("POST", "https://p.test/v1/chat/completions")
    assert sent.headers["authorization"] == "Bearer sk-1"


@_each([case for case in ALL.values() if case.request and "_removed" not in case.request])
def test_request_rebuilt_from_neutral_fields_means_the_same(case: Case) -> None:
    neutral = msgspec.structs.replace(openai_chat.parse(json.dumps(case.request).encode()), native=None, model="m")

    rebuilt = openai_chat.parse(wire.build_request(neutral, TARGET, "sk-1").body)

    assert msgspec.structs.replace(rebuilt, native=None, include_usage=neutral.include_usage) == neutral


@_each(ERRORS)
def test_refusal_is_classed_by_who_has_to_act(case: Case) -> None:
    error = wire.read_error(case.status, case.headers, case.body)

    kinds: dict[int, type[GatewayError]] = {400: CallerError, 401: ProviderKeyError, 404: CallerError, 429: RateLimited}
    assert type(error) is kinds[case.status]
    assert error.http_status == case.status
    assert error.retry_after_s == (1.0 if case.status == 429 else None)


@_each(ERRORS)
def test_refusal_passed_on_raises_what_the_provider_would_have(case: Case) -> None:
    error = wire.read_error(case.status, case.headers, case.body)
    client = reading.sdk_client(error.http_status, openai_chat.render_error(error), "application/json")

    with client, pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])

    assert type(raised.value).__name__ == case.sdk_reads["error"]
    assert raised.value.status_code == case.status


@_each([case for case in ERRORS if case.status in (400, 404)])
def test_callers_mistake_is_told_in_the_providers_own_words(case: Case) -> None:
    error = wire.read_error(case.status, case.headers, case.body)

    theirs = json.loads(case.body)["error"]
    ours = json.loads(openai_chat.render_error(error))["error"]
    assert ours["message"] == theirs["message"]
    assert ours["param"] == theirs.get("param")
    if isinstance(theirs.get("code"), str):
        assert ours["code"] == theirs["code"]


def test_error_event_in_a_stream_raises() -> None:
    [case] = BY_CLASS["error event"]

    with pytest.raises(GatewayError) as raised:
        _deltas(case.body, reading.cut_at_random(1))

    assert case.sdk_reads["message"] in raised.value.public_message


def test_empty_body_is_the_providers_failure() -> None:
    [case] = BY_CLASS["empty body"]

    with pytest.raises(ProviderError):
        wire.read_reply(case.body)


@_each(BY_CLASS["not a chat completion"])
def test_what_is_no_completion_is_never_taken_for_one(case: Case) -> None:
    with pytest.raises(GatewayError) as raised:
        wire.read_reply(case.body)

    assert raised.value.decision in (Decision.PROVIDER, Decision.CALLER)


@_each(BY_CLASS["not a chat stream"])
def test_what_is_no_chat_stream_is_never_taken_for_one(case: Case) -> None:
    undone = case.body.removesuffix(b"data: [DONE]\n\n")

    with pytest.raises(ProviderError):
        _deltas(undone)


def _without_usage(read: reading.Reading) -> reading.Reading:
    return reading.Reading(read.text, read.tools, read.finish)


def _groq_usage(case: Case) -> dict[str, Any] | None:
    """Find the usage that Groq puts where the SDK does not look; it is billed all the same."""
    for line in case.body.splitlines():
        if line.startswith(b"data: {") and b'"x_groq"' in line:
            usage: dict[str, Any] | None = json.loads(line[6:])["x_groq"].get("usage")
            if usage is not None:
                return usage
    return None


def _totals(usage: dict[str, Any] | None) -> tuple[int, int] | None:
    return None if usage is None else (usage["prompt_tokens"], usage["completion_tokens"])


def _totals_of_bill(usage: dict[str, Any] | None) -> tuple[int, int] | None:
    bill = reading.bill_of(usage)
    return None if bill is None else (bill.input_tokens, bill.output_tokens)
