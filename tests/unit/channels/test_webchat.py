from datetime import UTC, datetime

import msgspec
import pytest
import time_machine

from frontdesk.channels import webchat
from frontdesk.channels.models import Widget
from frontdesk.channels.webchat import WebchatRejected, WebMessage
from frontdesk.conversations.reply.contract import Citation, Source, TurnReply

SERVER = "http://127.0.0.1:8000"


def rejection(body: bytes) -> tuple[str, int]:
    with pytest.raises(WebchatRejected) as caught:
        webchat.parse_message(body)
    assert msgspec.json.decode(caught.value.body())["error"]["code"] == caught.value.code
    return caught.value.code, caught.value.http_status


def test_a_first_message_has_no_conversation() -> None:
    assert webchat.parse_message(b'{"message_text": " Hi \\n", "extra": [1]}') == WebMessage("Hi")


def test_a_later_message_brings_its_conversation_and_token() -> None:
    body = b'{"message_text": "Hi", "conversation_id": 7, "visitor_token": "t"}'

    assert webchat.parse_message(body) == WebMessage("Hi", 7, "t")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"message_text": 7}',
        b'{"message_text": "x", "conversation_id": "7"}',
        b'{"message_text": "x", "conversation_id": true}',
        b'{"message_text": "x", "conversation_id": 1.5}',
        b'{"message_text": "\xff"}',
        b"[" * 60_000,
    ],
)
def test_what_is_no_message_object_is_invalid_json(body: bytes) -> None:
    assert rejection(body) == ("invalid_json", 400)


@pytest.mark.parametrize("body", [b"{}", b'{"message_text": null}', b'{"message_text": " \\n\\u0000 "}'])
def test_a_message_without_text_is_refused(body: bytes) -> None:
    assert rejection(body) == ("message_required", 400)


def test_the_longest_message_passes_and_one_more_character_does_not() -> None:
    longest = msgspec.json.encode({"message_text": "ü" * 4_000})

    assert len(webchat.parse_message(longest).message_text) == 4_000
    assert rejection(msgspec.json.encode({"message_text": "ü" * 4_001})) == ("message_too_long", 400)


def test_the_longest_message_fits_with_every_character_escaped() -> None:
    escaped = b'{"message_text": "' + b"\\ud83c\\udf3c" * 4_000 + b'"}'

    assert webchat.parse_message(escaped) == WebMessage("🌼" * 4_000)


def test_a_body_over_the_limit_is_not_read() -> None:
    assert rejection(b" " * 65_537) == ("body_too_large", 413)


@pytest.mark.parametrize("token", ['""', "null", f'"{"x" * 501}"'])
def test_a_conversation_without_a_token_is_refused(token: str) -> None:
    body = f'{{"message_text": "x", "conversation_id": 7, "visitor_token": {token}}}'

    assert rejection(body.encode()) == ("visitor_session_required", 403)


@pytest.mark.parametrize("conversation_id", [0, -1, 2**63, 10**40])
def test_an_impossible_conversation_is_refused(conversation_id: int) -> None:
    body = b'{"message_text": "x", "conversation_id": %d, "visitor_token": "t"}' % conversation_id

    assert rejection(body)[1] in (400, 403)


def test_nul_characters_are_dropped() -> None:
    assert webchat.parse_message(b'{"message_text": "a\\u0000b"}') == WebMessage("ab")


def test_a_widget_without_origins_talks_to_any_page() -> None:
    widget = Widget(allowed_origins=[])

    assert webchat.check_origin(widget, "https://any.example", SERVER) == "https://any.example"
    assert webchat.check_origin(widget, "null", SERVER) == "null"
    assert webchat.check_origin(widget, None, SERVER) is None


def test_a_widget_with_origins_talks_to_these_and_to_the_server_s_own_page() -> None:
    widget = Widget(allowed_origins=["https://shop.example"])

    assert webchat.check_origin(widget, "https://shop.example", SERVER) == "https://shop.example"
    assert webchat.check_origin(widget, SERVER, SERVER) == SERVER


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "https://shop.example.evil.example", "http://shop.example", ""]
)
def test_a_widget_with_origins_refuses_all_others(origin: str | None) -> None:
    widget = Widget(allowed_origins=["https://shop.example"])

    with pytest.raises(WebchatRejected) as caught:
        webchat.check_origin(widget, origin, SERVER)

    assert (caught.value.code, caught.value.http_status) == ("origin_not_allowed", 403)


def test_an_absent_origin_may_be_let_through() -> None:
    widget = Widget(allowed_origins=["https://shop.example"])

    assert webchat.check_origin(widget, None, SERVER, is_required=False) is None


def test_a_visitor_token_opens_its_own_conversation_only() -> None:
    alice, mallory = 1, 2
    token = webchat.sign_visitor(alice, 7)

    assert webchat.verify_visitor(token, alice, 7)
    assert not webchat.verify_visitor(token, alice, 8)
    assert not webchat.verify_visitor(token, mallory, 7)
    assert not webchat.verify_visitor(token + "x", alice, 7)
    assert not webchat.verify_visitor("", alice, 7)


def test_a_feedback_token_is_no_visitor_token() -> None:
    token = webchat.feedback_token(7, 1)

    assert webchat.verify_feedback(token, 1, 7)
    assert not webchat.verify_feedback(token, 2, 7)
    assert not webchat.verify_visitor(token, 1, 7)
    assert not webchat.verify_feedback(webchat.sign_visitor(1, 7), 1, 7)


def test_a_visitor_token_lasts_180_days() -> None:
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False) as clock:
        token = webchat.sign_visitor(1, 7)
        clock.shift(180 * 24 * 3600)
        assert webchat.verify_visitor(token, 1, 7)
        clock.shift(1)
        assert not webchat.verify_visitor(token, 1, 7)


def test_a_reply_is_written_as_the_contract_has_it() -> None:
    source = Source(kind="knowledge", title="Opening hours", entry_id=3, citations=(Citation(3, "Opening hours"),))
    reply = TurnReply(
        message_id=12,
        conversation_id=7,
        response="We are **open**.",
        confidence=0.91234567,
        timestamp=datetime(2030, 1, 1, tzinfo=UTC),
        source=source,
        suggestions=("More?",),
        notice="A line.",
    )

    written = webchat.reply_json(reply, "visitor", 1)

    assert webchat.verify_feedback(written.pop("feedback_token"), 1, 12)
    assert msgspec.json.decode(msgspec.json.encode(written)) == {
        "message_id": 12,
        "response": "We are **open**.",
        "confidence": 0.9123,
        "suggestions": ["More?"],
        "timestamp": "2030-01-01T00:00:00+00:00",
        "conversation_id": 7,
        "visitor_token": "visitor",
        "source": {
            "kind": "knowledge",
            "title": "Opening hours",
            "entry_id": 3,
            "citations": [{"entry_id": 3, "title": "Opening hours"}],
        },
        "notice": "A line.",
    }


def test_a_reply_without_notice_has_no_such_field() -> None:
    reply = TurnReply(
        message_id=1,
        conversation_id=1,
        response="",
        confidence=0.0,
        timestamp=datetime(2030, 1, 1, tzinfo=UTC),
        source=Source(kind="default"),
    )

    written = webchat.reply_json(reply, "visitor", 1)

    assert "notice" not in written
    assert written["source"] == {"kind": "default"}


def test_configuration_holds_nothing_but_looks_and_words() -> None:
    widget = Widget(name="Internal name", title="Shop", business_info="secret", llm_model="gpt")

    assert webchat.config_json(widget, "No AI.") == {
        "title": "Shop",
        "subtitle": "",
        "greeting": "Hello! How can we help you?",
        "accent_color": "#2f5d50",
        "position": "right",
        "locale": "en",
        "placeholder": "",
        "ai_notice": "No AI.",
    }


def test_an_event_is_one_line_of_data_whatever_the_text() -> None:
    written = webchat.sse_event(2, "delta", {"text": "a\r\n\n🌼\u2028"})

    assert written == 'event: delta\nid: 2\ndata: {"text":"a\\r\\n\\n🌼\u2028"}\n\n'.encode()


def test_an_event_may_have_no_id() -> None:
    assert webchat.sse_event(None, "error", {}) == b"event: error\ndata: {}\n\n"


@pytest.mark.parametrize(
    ("provider", "model", "requested"),
    [
        ("auto", "auto", "auto"),
        ("", "", "auto"),
        ("openai", "", "auto"),
        ("auto", "gpt-x", "gpt-x"),
        ("openai", "gpt-x", "openai/gpt-x"),
    ],
)
def test_a_widget_s_model_is_named_as_the_gateway_takes_it(provider: str, model: str, requested: str) -> None:
    assert Widget(llm_provider=provider, llm_model=model).requested_model == requested
