"""The demo shop with the widget on it, and the widget's script."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import condition, require_safe

from frontdesk.channels import selectors

SCRIPT_PATH = Path(__file__).parent / "static" / "frontdesk" / "widget.js"

# Nothing inline, nothing from elsewhere, no string that becomes script: a shop may be as strict.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
)


@require_safe
def demo(request: HttpRequest) -> HttpResponse:
    """Show the demo tenant's shop with its widget; before there is one, say how to make it."""
    widget = selectors.demo_widget()
    origin = f"{request.scheme}://{request.get_host()}"
    if widget is None:
        response = render(request, "channels/demo_missing.html", {"origin": origin})
    else:
        context = {"widget": widget, "ai_connected": selectors.ai_notice(widget) is None, "origin": origin}
        response = render(request, "channels/demo.html", context)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response["Cache-Control"] = "no-store"
    return response


def _script_etag(request: HttpRequest) -> str:
    return f'"{hashlib.sha256(SCRIPT_PATH.read_bytes()).hexdigest()[:32]}"'


@require_safe
@condition(etag_func=_script_etag)
def widget_script(request: HttpRequest) -> HttpResponse:
    """Serve the widget's script to any website; browsers ask again with its ETag after five minutes."""
    response = HttpResponse(SCRIPT_PATH.read_bytes(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "public, max-age=300, stale-while-revalidate=86400"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Access-Control-Allow-Origin"] = "*"
    return response
