"""The last net under the logs: known secrets are taken out of every finished line.

Nothing is logged that holds one; this is for what others put into messages and exceptions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

SHORTEST = 6
"""Shorter secrets would take words out of every line."""
HIDDEN = "***"

_API_KEY = r"\bfd_[A-Za-z0-9_-]{20,}"


class Redaction:
    """A structlog processor that comes after the renderer."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the secrets; API keys of Frontdesk's own making are known by their shape."""
        long = {secret for secret in secrets if len(secret) >= SHORTEST}
        known = sorted(long | {json.dumps(secret)[1:-1] for secret in long}, key=len, reverse=True)
        self._pattern = re.compile("|".join([*(re.escape(secret) for secret in known), _API_KEY]))

    def __repr__(self) -> str:
        return "Redaction()"

    def __call__(self, logger: Any, method: str, line: Any) -> str:
        """Give the line without secrets."""
        return self.clean(str(line))

    def clean(self, text: str) -> str:
        """Put stars in the place of secrets."""
        return self._pattern.sub(HIDDEN, text)
