"""The least that the same libraries can do: the baselines beside which the gateway's figures are read.

The proxy (`python -m benches.bare_stack proxy`): a raw ASGI handler under uvicorn (uvloop, httptools) that passes
requests on with aiohttp; no key check, no parsing, no record. `hold_memory`: Django, unfold, ninja, aiohttp and tantivy
after one admin page; prints "ready" and waits.
"""

import argparse
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Proxy:
    """Passes every POST on to one address."""

    def __init__(self, upstream: str) -> None:
        self._url = f"{upstream}/chat/completions"
        self._session: Any = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        body, is_more = b"", True
        while is_more:
            message = await receive()
            body += message.get("body", b"")
            is_more = message.get("more_body", False)
        headers = {"content-type": "application/json", "authorization": "Bearer sk-bench"}
        async with self._session.post(self._url, data=body, headers=headers) as response:
            kind = response.headers["content-type"].encode()
            if kind == b"application/json":
                answer = await response.read()
                length = (b"content-length", str(len(answer)).encode())
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), length]})
                await send({"type": "http.response.body", "body": answer})
                return
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
            async for piece in response.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def serve_proxy(port: int, upstream: str) -> None:
    """Serve the proxy."""
    import uvicorn

    uvicorn.run(
        Proxy(upstream),
        host="127.0.0.1",
        port=port,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="error",
        backlog=2048,
    )


def hold_memory() -> None:
    """Load the stack, show one admin page, and wait for the end of stdin."""
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="bench",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "unfold",
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        STATIC_URL="/static/",
    )
    django.setup()

    import tantivy  # noqa: F401 - loaded to be weighed
    import uvicorn  # noqa: F401 - loaded to be weighed
    import uvloop  # noqa: F401 - loaded to be weighed
    from django.contrib import admin
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client
    from django.urls import path
    from ninja import NinjaAPI

    global urlpatterns
    urlpatterns = [path("admin/", admin.site.urls), path("api/", NinjaAPI().urls)]
    call_command("migrate", verbosity=0)
    user = User.objects.create_superuser("admin", "", "admin")
    client = Client()
    client.force_login(user)
    status = client.get("/admin/auth/user/").status_code
    print("ready" if status == 200 else f"status {status}", flush=True)
    sys.stdin.read()


urlpatterns: list[Any] = []


def main() -> None:
    """Run the part that was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=["proxy"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--upstream", default="")
    arguments = parser.parse_args()
    serve_proxy(arguments.port, arguments.upstream)


if __name__ == "__main__":
    main()
