"""The web chat's public contract, between the raw HTTP handler and a conversation's turn.

Reads and judges what a browser sends, and writes what it gets. Opens no sockets, asks no database.
"""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec
from django.core import signing

from frontdesk.channels import origins
from frontdesk.channels.models import Widget
from frontdesk.conversations.reply.contract import TurnReply

MAX_BODY_BYTES = 65_536
"""Room for the longest message with every character escaped; the handler stops reading here."""

MAX_MESSAGE_CHARS = 4_000
VISITOR_MAX_AGE_S = 180 * 24 * 3600

_LONGEST_TOKEN = 500
_LARGEST_ID = 2**63 - 1
_VISITOR_SALT = "frontdesk.channels.visitor"
_FEEDBACK_SALT = "frontdesk.channels.feedback"


class WebchatRejected(Exception):
    """A request that gets no reply: what the visitor's browser is told, and with which HTTP status."""

    def __init__(self, code: str, message: str, http_status: int) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.http_status = http_status

    def body(self) -> bytes:
        """Give the JSON answer."""
        return msgspec.json.encode({"error": {"code": self.code, "message": self.message}})


class WebMessage(msgspec.Struct, frozen=True):
    """One message of a visitor: text of 1 to 4,000 characters; no conversation id starts a conversation."""

    message_text: str
    conversation_id: int | None = None
    visitor_token: str = ""


class _Body(msgspec.Struct):
    message_text: str | None = None
    conversation_id: int | None = None
    visitor_token: str | None = None


def parse_message(body: bytes) -> WebMessage:
    """Read the body of a message request. WebchatRejected says what is wrong with it; unknown fields are ignored."""
    if len(body) > MAX_BODY_BYTES:
        raise body_too_large()
    try:
        parsed = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        complaint = 'The body must be a JSON object such as {"message_text": "What are your opening hours?"}.'
        raise WebchatRejected("invalid_json", complaint, 400) from error
    text = _clean(parsed.message_text or "")
    if not text:
        raise WebchatRejected("message_required", "Send some text in message_text.", 400)
    if len(text) > MAX_MESSAGE_CHARS:
        complaint = f"A message may have {MAX_MESSAGE_CHARS:,} characters at most; this one has {len(text):,}."
        raise WebchatRejected("message_too_long", complaint, 400)
    if parsed.conversation_id is None:
        return WebMessage(text)
    token = parsed.visitor_token or ""
    if not 0 < parsed.conversation_id <= _LARGEST_ID or not token or len(token) > _LONGEST_TOKEN:
        raise_visitor_session_required()
    return WebMessage(text, parsed.conversation_id, token)


def _clean(text: str) -> str:
    """Drop what no database and no model should see: NUL, and surrogates without their other half."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8").strip()


def body_too_large() -> WebchatRejected:
    """Give the refusal of a body that is over the limit, for handlers that stop reading at it."""
    return WebchatRejected("body_too_large", f"The body may have {MAX_BODY_BYTES:,} bytes at most.", 413)


def widget_not_found() -> WebchatRejected:
    """Give the refusal of an unknown, disabled or malformed widget key."""
    complaint = "No enabled widget has this key. Copy the script tag from the console again."
    return WebchatRejected("widget_not_found", complaint, 404)


def raise_visitor_session_required() -> NoReturn:
    """Refuse a conversation id without a valid token of its visitor."""
    complaint = "This conversation needs its visitor_token. Leave out conversation_id to start a new one."
    raise WebchatRejected("visitor_session_required", complaint, 403)


def check_origin(
    widget: Widget, origin_header: str | None, server_origin: str, *, is_required: bool = True
) -> str | None:
    """Decide whether a page may talk to this widget; give the origin to echo in CORS headers, None to echo nothing.

    `server_origin` is this server's own (the demo page). With `is_required` false an absent header passes even where
    the widget lists origins: browsers send none with a same-origin GET. WebchatRejected (403) otherwise.
    """
    allowed = widget.allowed_origins
    if origin_header is None:
        if allowed and is_required:
            raise _origin_not_allowed("none")
        return None
    if not allowed or origin_header in allowed or _is_same_origin(origin_header, server_origin):
        return origin_header if origin_header.isprintable() and origin_header.isascii() else None
    raise _origin_not_allowed(origin_header[:100])


def _is_same_origin(origin_header: str, server_origin: str) -> bool:
    try:
        return origins.normalise(origin_header) == origins.normalise(server_origin)
    except ValueError:
        return False


def _origin_not_allowed(origin: str) -> WebchatRejected:
    complaint = f"This widget does not allow the origin {origin}. Add it to its allowed origins in the console."
    return WebchatRejected("origin_not_allowed", complaint, 403)


def sign_visitor(tenant_id: int, conversation_id: int) -> str:
    """Give the token that lets its holder go on with a conversation for 180 days."""
    return signing.dumps([tenant_id, conversation_id], salt=_VISITOR_SALT)


def verify_visitor(token: str, tenant_id: int, conversation_id: int) -> bool:
    """Tell whether a token is the one of this conversation of this tenant."""
    try:
        claim = signing.loads(token, salt=_VISITOR_SALT, max_age=VISITOR_MAX_AGE_S)
    except signing.BadSignature:
        return False
    return bool(claim == [tenant_id, conversation_id])


def feedback_token(turn_id: int, tenant_id: int) -> str:
    """Give the token that lets its holder rate one reply."""
    return signing.dumps([tenant_id, turn_id], salt=_FEEDBACK_SALT)


def verify_feedback(token: str, tenant_id: int, turn_id: int) -> bool:
    """Tell whether a token is the one of this reply of this tenant."""
    try:
        claim = signing.loads(token, salt=_FEEDBACK_SALT, max_age=VISITOR_MAX_AGE_S)
    except signing.BadSignature:
        return False
    return bool(claim == [tenant_id, turn_id])


def config_json(widget: Widget, ai_notice: str | None) -> dict[str, Any]:
    """Give what the script needs to draw the widget. Nothing in it is secret."""
    return {
        "title": widget.title,
        "subtitle": widget.subtitle,
        "greeting": widget.greeting,
        "accent_color": widget.accent_color,
        "position": widget.position,
        "locale": widget.locale,
        "placeholder": widget.placeholder,
        "ai_notice": ai_notice,
    }


def reply_json(turn_reply: TurnReply, visitor_token: str, tenant_id: int) -> dict[str, Any]:
    """Give the reply as the contract has it; also the data of a stream's last event."""
    reply = {
        "message_id": turn_reply.message_id,
        "response": turn_reply.response,
        "confidence": round(turn_reply.confidence, 4),
        "suggestions": list(turn_reply.suggestions),
        "timestamp": turn_reply.timestamp.isoformat(),
        "conversation_id": turn_reply.conversation_id,
        "visitor_token": visitor_token,
        "feedback_token": feedback_token(turn_reply.message_id, tenant_id),
        "source": msgspec.to_builtins(turn_reply.source),
    }
    if turn_reply.notice:
        reply["notice"] = turn_reply.notice
    return reply


def sse_event(event_id: int | None, name: str, data: Any) -> bytes:
    """Write one server-sent event. JSON has no raw line ends, so the data is always one line."""
    head = b"" if event_id is None else b"id: %d\n" % event_id
    return b"event: %s\n%sdata: %s\n\n" % (name.encode("ascii"), head, msgspec.json.encode(data))
