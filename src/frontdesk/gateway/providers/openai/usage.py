"""Turns OpenAI's token counts into disjoint buckets, and its finish reasons into ours."""

import msgspec

from frontdesk.gateway.messages import Finish, Usage


class PromptDetails(msgspec.Struct, frozen=True):
    """What `prompt_tokens` holds."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(msgspec.Struct, frozen=True):
    """What `completion_tokens` holds."""

    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct, frozen=True):
    """OpenAI's `usage` object; every field may be missing at a compatible server."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    reasoning_tokens: int | None = None


def read_usage(usage: WireUsage | None) -> Usage | None:
    """Split the counts: cached and written tokens are part of the prompt's, reasoning of the completion's.

    Some servers count reasoning outside `completion_tokens`; their total says so.
    """
    if usage is None or (usage.prompt_tokens is None and usage.completion_tokens is None):
        return None
    prompt, completion = max(usage.prompt_tokens or 0, 0), max(usage.completion_tokens or 0, 0)
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens if details else None) or usage.prompt_cache_hit_tokens or 0
    cache_read = min(max(cached, 0), prompt)
    cache_write = min(max((details.cache_write_tokens if details else None) or 0, 0), prompt - cache_read)
    inner = usage.completion_tokens_details
    reasoning = max((inner.reasoning_tokens if inner else None) or usage.reasoning_tokens or 0, 0)
    is_outside = bool(reasoning) and usage.total_tokens == prompt + completion + reasoning
    if not is_outside:
        reasoning = min(reasoning, completion)
    return Usage(
        uncached_input=prompt - cache_read - cache_write,
        cache_read=cache_read,
        cache_write=cache_write,
        output=completion if is_outside else completion - reasoning,
        reasoning=reasoning,
    )


_FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def read_finish(native: str | None) -> Finish | None:
    """Map a native finish reason; an unknown one means that the model stopped for a reason of its own."""
    return None if not native else _FINISHES.get(native, "stop")
