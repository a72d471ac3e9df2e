"""The answers that the stand-in makes up: the same request always gets the same words."""

import json
import re
from typing import Any

CREATED_AT = 1_760_000_000
_PIECES = re.compile(r"\s*\S+")


class Answer:
    """A made-up answer to a chat request, whole or in the tokens of a stream."""

    def __init__(self, body: dict[str, Any], number: int) -> None:
        self.id = f"chatcmpl-standin-{number}"
        self.model: str = body["model"]
        self.choices: int = body.get("n") or 1
        self.tool = _tool_to_call(body)
        words = _PIECES.findall(_text(body)) if self.tool is None else []
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        self.tokens = words if limit is None else words[:limit]
        self.finish = "tool_calls" if self.tool else ("length" if len(self.tokens) < len(words) else "stop")
        self._prompt_tokens = sum(len(_PIECES.findall(_content(message))) + 3 for message in body["messages"])

    @property
    def usage(self) -> dict[str, Any]:
        """Count words as tokens."""
        completion = len(self.tokens) * self.choices if self.tool is None else 7
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self._prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def whole(self, *, with_usage: bool = True) -> bytes:
        """Build the JSON body of an answer that is not streamed."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if self.tool else "".join(self.tokens),
            "refusal": None,
            "annotations": [],
        }
        if self.tool:
            message["tool_calls"] = [{"id": f"call_{self.id[9:]}", "type": "function", "function": self.tool}]
        body = {
            "id": self.id,
            "object": "chat.completion",
            "created": CREATED_AT,
            "model": self.model,
            "choices": [
                {"index": index, "message": message, "logprobs": None, "finish_reason": self.finish}
                for index in range(self.choices)
            ],
            "service_tier": "default",
            "system_fingerprint": "fp_standin",
        }
        if with_usage:
            body["usage"] = self.usage
        return json.dumps(body, ensure_ascii=False).encode()

    def opening(self) -> bytes:
        """Build the stream's first payload, which has no text."""
        return self._payload({"role": "assistant", "content": "" if not self.tool else None, "refusal": None})

    def pieces(self) -> list[bytes]:
        """Build the payloads with content: a token each, or a tool call in pieces."""
        if self.tool is None:
            return [self._payload({"content": token}) for token in self.tokens]
        start = {"id": f"call_{self.id[9:]}", "type": "function", "function": {**self.tool, "arguments": ""}}
        arguments = self.tool["arguments"]
        parts = [arguments[at : at + 4] for at in range(0, len(arguments), 4)]
        return [
            self._payload({"tool_calls": [{"index": 0, **start}]}),
            *(self._payload({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}) for part in parts),
        ]

    def closing(self, *, usage: bool = False) -> bytes:
        """Build the payload with the finish reason."""
        return self._payload({}, finish=self.finish, usage=usage)

    def usage_payload(self) -> bytes:
        """Build the payload with usage and no choices."""
        return self._envelope([], self.usage)

    def _payload(self, delta: dict[str, Any], finish: str | None = None, usage: bool = False) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._envelope([choice], self.usage if usage else None)

    def _envelope(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> bytes:
        chunk: dict[str, Any] = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": CREATED_AT,
            "model": self.model,
            "system_fingerprint": "fp_standin",
            "choices": choices,
        }
        if usage is not None:
            chunk["usage"] = usage
        return json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode()


def _text(body: dict[str, Any]) -> str:
    if (body.get("response_format") or {}).get("type") in ("json_object", "json_schema"):
        return '{"answer": "stand-in"}'
    asked = next((_content(message) for message in reversed(body["messages"]) if message["role"] == "user"), "")
    return f"The stand-in model heard: {asked}"


def _content(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content if isinstance(part, dict))


def _tool_to_call(body: dict[str, Any]) -> dict[str, str] | None:
    tools, choice = body.get("tools"), body.get("tool_choice")
    if not tools or choice == "none" or body["messages"][-1]["role"] == "tool":
        return None
    if isinstance(choice, dict):
        name = choice.get("function", {}).get("name", "")
    elif choice == "required" or _asks_for_tool(body["messages"][-1], tools[0]):
        name = tools[0]["function"]["name"]
    else:
        return None
    return {"name": name, "arguments": '{"value": "stand-in"}'}


def _asks_for_tool(message: dict[str, Any], tool: dict[str, Any]) -> bool:
    return tool["function"]["name"] in _content(message)
