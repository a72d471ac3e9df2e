"""Frontdesk: a self-hosted, multi-tenant customer-service agent with its own model gateway."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from frontdesk.project.llm_config import LLMConfigManager as LLMConfigManager
    from frontdesk.project.llm_config import get_llm_config as get_llm_config

__version__ = "0.1.0"

_LAZY = {
    "LLMConfigManager": "frontdesk.project.llm_config",
    "get_llm_config": "frontdesk.project.llm_config",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: `import frontdesk` itself loads nothing."""
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
