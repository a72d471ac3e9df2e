"""Classes the errors of OpenAI and compatible servers: by status first, the body's code second, its message last."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from frontdesk.gateway.errors import CallerError, GatewayError, ProviderError, ProviderKeyError, RateLimited, Stated
from frontdesk.gateway.providers import retry_after


class _ErrorBody(msgspec.Struct, frozen=True):
    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None
    status_code: int | None = None
    status: int | str | None = None


class _Detail(msgspec.Struct, frozen=True):
    loc: list[str | int] = []
    msg: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    error: _ErrorBody | str | None = None
    message: str | None = None
    detail: str | list[_Detail] | None = None


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_body = msgspec.json.Decoder(_ErrorBody | str).decode

NO_ERROR = (b"", b"null")
"""What an `error` field holds when there is none."""

_LONGEST_MESSAGE = 2_000
_KEYS = re.compile(r"\b(?:sk|gsk|xai|key|org|proj)[-_][A-Za-z0-9_*.-]{4,}")

_STATUS_BY_CODE = {
    "invalid_api_key": 401,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "model_not_found": 404,
    "context_length_exceeded": 400,
    "invalid_request_error": 400,
    "tool_use_failed": 400,
}


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """Class a refusal with HTTP status `status`; the provider's own message is kept where it is for the caller."""
    return _classed(status, headers, _envelope(body))


def read_embedded_error(error: bytes) -> GatewayError:
    """Class an error object that came inside a 200: in a body's `error` field or in a stream's error event."""
    try:
        body = _decode_body(error)
    except (msgspec.MsgspecError, RecursionError):
        body = _ErrorBody()
    if isinstance(body, str):
        body = _ErrorBody(message=body)
    elif body == _ErrorBody():
        body = _envelope(error)
    return _classed(_status_of(body), {}, body)


def _envelope(body: bytes) -> _ErrorBody:
    try:
        envelope = _decode_envelope(body)
    except (msgspec.MsgspecError, RecursionError):
        return _ErrorBody()
    if isinstance(envelope.error, _ErrorBody):
        return envelope.error
    detail = envelope.detail
    if isinstance(detail, list):  # FastAPI's; what it quotes of the request is left out
        detail = "; ".join(f"{'.'.join(map(str, part.loc))}: {part.msg}" for part in detail)
    return _ErrorBody(message=envelope.error or envelope.message or detail)


def _status_of(body: _ErrorBody) -> int:
    for stated in (body.status_code, body.status, body.code):
        if isinstance(stated, int) and 400 <= stated < 600:
            return stated
    for name in (body.code, body.type):
        if isinstance(name, str):
            if name.isdecimal() and 400 <= int(name) < 600:
                return int(name)
            if name in _STATUS_BY_CODE:
                return _STATUS_BY_CODE[name]
    return 502


def _classed(status: int, headers: Mapping[str, str], body: _ErrorBody) -> GatewayError:
    message = _KEYS.sub("…", (body.message or f"The provider answered with HTTP {status}."))[:_LONGEST_MESSAGE]
    code = None if body.code is None else str(body.code)[:100]
    wait_s = retry_after.parse(headers, datetime.now(UTC))
    if status in (401, 402, 403):
        return ProviderKeyError(
            f"The provider refused the key that Frontdesk holds for it (HTTP {status}). "
            "Check the provider key in the console or the environment.",
            http_status=status,
            upstream_status=status,
        )
    kind: type[GatewayError] = CallerError
    if status == 429:
        kind = RateLimited
    elif status == 408 or status >= 500:
        kind = ProviderError
    return kind(
        message,
        code=code,
        http_status=status,
        retry_after_s=wait_s,
        param=body.param,
        stated=Stated(body.type, code),
        upstream_status=status,
    )
