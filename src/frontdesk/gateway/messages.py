"""Provider-neutral requests and replies: what ingress parses, the pipeline carries and providers map.

A request that came in a provider's own wire format also carries that format's fields undecoded (`Native`), and a
reply the bytes that the provider sent, so that between equal formats nothing is lost in translation.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from frontdesk.gateway.budgets.terms import LimitState

Role = Literal["system", "developer", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool_calls", "content_filter"]
UsageSource = Literal["provider", "estimated"]


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    """A run of text."""

    text: str


class ImagePart(msgspec.Struct, frozen=True, tag="image"):
    """A picture; `url` is an https address or a `data:` URL with its media type."""

    url: str
    detail: str | None = None


class OpaquePart(msgspec.Struct, frozen=True, tag="opaque"):
    """A part that only providers of the wire format `wire` understand (audio, files)."""

    wire: str
    raw: msgspec.Raw


Part = TextPart | ImagePart | OpaquePart


class ToolCall(msgspec.Struct, frozen=True):
    """The model's wish to call a tool; `arguments` is JSON text exactly as the model wrote it, valid or not."""

    id: str
    name: str
    arguments: str


class Message(msgspec.Struct, frozen=True):
    """One message; `content` is text or parts, empty for an assistant that only calls tools."""

    role: Role
    content: str | tuple[Part, ...] = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None

    @property
    def text(self) -> str:
        """Tell the text of all text parts, joined by line breaks."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content if isinstance(part, TextPart))


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; `parameters` is a JSON schema, undecoded."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw | None = None
    strict: bool | None = None


class Native(msgspec.Struct, frozen=True):
    """The client's own body in the wire format `wire`: top-level fields, undecoded."""

    wire: str
    fields: Mapping[str, msgspec.Raw]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model; None means that the client left it to the provider."""

    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    include_usage: bool = False
    """Whether the client of a stream asked for its usage."""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: msgspec.Raw | None = None
    """In OpenAI's shape: "auto", "none", "required", or a named function."""
    response_format: msgspec.Raw | None = None
    """In OpenAI's shape: text, json_object, or json_schema."""
    reasoning_effort: str | None = None
    choices: int = 1
    """How many answers the client wants; each has up to `max_tokens`."""
    is_capped: bool = False
    """Whether `max_tokens` is a limit of ours, which holds in place of the client's own."""
    native: Native | None = None


class Usage(msgspec.Struct, frozen=True):
    """Tokens in disjoint buckets, as the bill has them; `input_tokens` and `output_tokens` are their sums."""

    uncached_input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    source: UsageSource = "provider"

    @property
    def input_tokens(self) -> int:
        """Sum the three input buckets."""
        return self.uncached_input + self.cache_read + self.cache_write

    @property
    def output_tokens(self) -> int:
        """Sum the two output buckets."""
        return self.output + self.reasoning


class NativeReply(msgspec.Struct, frozen=True):
    """The provider's body exactly as it came, in the wire format `wire`."""

    wire: str
    body: bytes


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer; `model` is the provider's name for it, `native_finish` the provider's own reason."""

    id: str
    model: str
    text: str = ""
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish | None = None
    native_finish: str | None = None
    usage: Usage | None = None
    native: NativeReply | None = None
    served_by: str = ""
    """The full name, `provider/model`, of what answered; the pipeline fills it in."""
    limits: tuple[LimitState, ...] = ()
    """Where the client's limits stand; the pipeline fills it in."""


class ToolCallDelta(msgspec.Struct, frozen=True):
    """A piece of the tool call at `index`; `id` and `name` come once, `arguments` in pieces."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a streamed answer; `native` is the provider's event payload without its SSE framing."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish: Finish | None = None
    native_finish: str | None = None
    usage: Usage | None = None
    model: str | None = None
    id: str | None = None
    native: NativeReply | None = None

    @property
    def has_content(self) -> bool:
        """Tell whether a reader has seen something of the answer."""
        return bool(self.text or self.reasoning or self.refusal or self.tool_calls)
