"""The simulated provider: answers without a model, says so in every answer, and is never a silent fallback."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence

from frontdesk.gateway import tokens
from frontdesk.gateway.messages import Delta, Reply, Request, Usage
from frontdesk.gateway.snapshot import Target

_LONGEST_ECHO = 500


class SimulatedProvider:
    """Echoes the last user message, for development and load tests. Fulfils `ports.ProviderPort`."""

    async def complete(self, request: Request, target: Target) -> Reply:
        """Answer at once."""
        text = _answer(request)
        return Reply(
            id="chatcmpl-simulated",
            model=target.model.name,
            text=text,
            finish="stop",
            native_finish="stop",
            usage=_usage(request, text),
        )

    async def stream(self, request: Request, target: Target) -> AsyncGenerator[Sequence[Delta], None]:
        """Answer word by word, giving way to other work between words."""
        text = _answer(request)
        for word in re.findall(r"\s*\S+|\s+$", text):
            await asyncio.sleep(0)
            yield (Delta(id="chatcmpl-simulated", model=target.model.name, text=word),)
        yield (Delta(finish="stop", native_finish="stop", usage=_usage(request, text)),)


def _answer(request: Request) -> str:
    asked = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
    return f"[simulated provider] You said: {asked[:_LONGEST_ECHO]}"


def _usage(request: Request, text: str) -> Usage:
    return Usage(uncached_input=tokens.of_messages(request.messages), output=tokens.of_text(text), source="estimated")
