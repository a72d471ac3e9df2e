"""Every operation that the application has, found in the application itself: raw routes and Django's patterns."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from django.urls import URLPattern, get_resolver

from frontdesk.server.app import Application
from frontdesk.server.webchat_api import WebchatApi

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
RAW, DJANGO = "raw ", "django "


class _AnyHandler(SimpleNamespace):
    """Stands for an API whose handlers are only looked at by name."""

    def __getattr__(self, name: str) -> str:
        return f"{self.kind}.{name}"


def raw_routes() -> tuple[dict[str, Any], tuple[tuple[str, Any], ...]]:
    """The exact paths and the prefixes that do not go to Django, with what handles them."""
    application = object.__new__(Application)
    apis = [_AnyHandler(kind=name) for name in list(inspect.signature(application._mount).parameters)]
    application._mount(*apis)
    return application._exact, application._prefixes


def webchat_endpoints() -> list[str]:
    """The last parts of the widget's paths, as its handler tells them apart."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(WebchatApi._route)))
    cases = [node.pattern for node in ast.walk(tree) if isinstance(node, ast.match_case)]
    constants = [node.value for case in cases for node in ast.walk(case) if isinstance(node, ast.Constant)]
    return sorted({value for value in constants if isinstance(value, str) and value not in METHODS})


def raw_operations() -> Iterator[str]:
    exact, prefixes = raw_routes()
    yield from (RAW + path for path in exact)
    for prefix, handler in prefixes:
        if str(handler).endswith("webchat.dispatch"):
            yield from (f"{RAW}{prefix}{{widget_key}}/{endpoint}" for endpoint in [*webchat_endpoints(), "{other}"])
        else:
            yield f"{RAW}{prefix}{{other}}"


def django_operations() -> Iterator[str]:
    yield from (DJANGO + route for route, _ in _patterns(get_resolver(), "/"))


def _patterns(resolver: Any, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern
        else:
            yield from _patterns(pattern, route)


def all_operations() -> list[str]:
    return [*raw_operations(), *django_operations()]
