# ruff: noqa: E501 - the messages are quoted whole
"""What OpenAI's chat endpoint refuses, with the error objects that it documents.

Source: platform.openai.com/docs/api-reference/chat and the recorded error replies in `tests/wire`.
"""

import dataclasses
from typing import Any

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")

_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "temperature": ((int, float), "a decimal"),
    "top_p": ((int, float), "a decimal"),
    "presence_penalty": ((int, float), "a decimal"),
    "frequency_penalty": ((int, float), "a decimal"),
    "max_tokens": (int, "an integer"),
    "max_completion_tokens": (int, "an integer"),
    "n": (int, "an integer"),
    "seed": (int, "an integer"),
    "top_logprobs": (int, "an integer"),
    "stream": (bool, "a boolean"),
    "logprobs": (bool, "a boolean"),
    "parallel_tool_calls": (bool, "a boolean"),
    "store": (bool, "a boolean"),
    "stream_options": (dict, "an object"),
    "response_format": (dict, "an object"),
    "logit_bias": (dict, "an object"),
    "metadata": (dict, "an object"),
    "tools": (list, "an array of objects"),
    "functions": (list, "an array of objects"),
    "tool_choice": ((str, dict), "one of 'none', 'auto', 'required' or an object"),
    "function_call": ((str, dict), "one of 'none', 'auto' or an object"),
    "stop": ((str, list), "a string or an array of strings"),
    "user": (str, "a string"),
    "reasoning_effort": (str, "a string"),
    "service_tier": (str, "a string"),
    "verbosity": (str, "a string"),
    "prompt_cache_key": (str, "a string"),
    "safety_identifier": (str, "a string"),
    "modalities": (list, "an array of strings"),
    "audio": (dict, "an object"),
    "prediction": (dict, "an object"),
    "web_search_options": (dict, "an object"),
}
_MAXIMUM = {"temperature": 2, "top_p": 1, "presence_penalty": 2, "frequency_penalty": 2}


@dataclasses.dataclass
class Refusal(Exception):
    """An error object and its status."""

    message: str
    param: str | None = None
    code: str | None = None
    status: int = 400
    kind: str = "invalid_request_error"

    def body(self) -> dict[str, Any]:
        """Build OpenAI's error object."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def check(body: Any) -> dict[str, Any]:
    """Return a body that OpenAI would accept; raise Refusal for others."""
    if not isinstance(body, dict):
        raise Refusal("Invalid type for request body: expected an object.")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise Refusal("you must provide a model parameter")
    if "messages" not in body:
        raise Refusal("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    _check_messages(body["messages"])
    for name, value in body.items():
        _check_field(name, value)
    if body.get("stream_options") is not None and not body.get("stream"):
        raise Refusal("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    return body


def _check_field(name: str, value: Any) -> None:
    if name in ("model", "messages"):
        return
    if name not in _TYPES:
        raise Refusal(f"Unrecognized request argument supplied: {name}")
    if value is None:
        return
    types, wanted = _TYPES[name]
    is_wrong_bool = isinstance(value, bool) and types is not bool
    if is_wrong_bool or not isinstance(value, types):
        raise Refusal(
            f"Invalid type for '{name}': expected {wanted}, but got {_type_name(value)} instead.",
            name,
            "invalid_type",
        )
    if name in _MAXIMUM and float(str(value)) > _MAXIMUM[name]:
        raise Refusal(
            f"Invalid '{name}': decimal above maximum value. Expected a value <= {_MAXIMUM[name]}, but got {value} instead.",
            name,
            "decimal_above_max_value",
        )


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list):
        raise Refusal(
            f"Invalid type for 'messages': expected an array of objects, but got {_type_name(messages)} instead.",
            "messages",
            "invalid_type",
        )
    if not messages:
        raise Refusal(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            "messages",
            "empty_array",
        )
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        _check_message(index, message, open_calls)
    if open_calls:
        raise _unanswered(len(messages) - 1, open_calls)


def _check_message(index: int, message: Any, open_calls: set[str]) -> None:
    where = f"messages[{index}]"
    if not isinstance(message, dict):
        raise Refusal(
            f"Invalid type for '{where}': expected an object, but got {_type_name(message)} instead.",
            where,
            "invalid_type",
        )
    role = message.get("role")
    if role is None:
        raise Refusal(f"Missing required parameter: '{where}.role'.", f"{where}.role", "missing_required_parameter")
    if role not in _ROLES:
        names = ", ".join(f"'{name}'" for name in _ROLES[:-1])
        raise Refusal(
            f"Invalid value: '{role}'. Supported values are: {names}, and '{_ROLES[-1]}'.",
            f"{where}.role",
            "invalid_value",
        )
    if role == "tool":
        if message.get("tool_call_id") not in open_calls:
            raise Refusal(
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
                f"messages.[{index}].role",
            )
        open_calls.discard(message["tool_call_id"])
        return
    if open_calls:
        raise _unanswered(index, open_calls)
    if message.get("content") is None and role != "assistant":
        raise Refusal("Invalid value for 'content': expected a string, got null.", f"messages.[{index}].content")
    open_calls.update(call["id"] for call in message.get("tool_calls") or ())


def _unanswered(index: int, open_calls: set[str]) -> Refusal:
    ids = ", ".join(sorted(open_calls))
    return Refusal(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {ids}",
        f"messages.[{index}].role",
    )


def _type_name(value: Any) -> str:
    names = {
        str: "a string",
        bool: "a boolean",
        int: "an integer",
        float: "a decimal",
        list: "an array",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), "something else")
