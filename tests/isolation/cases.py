"""What every operation must do for whom. An operation that is not named here fails the build, and so does a case for
an operation that is gone.

The scopes are written out again, not read from the pages: a page that asks for less than is written here is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.isolation.operations import DJANGO, RAW

OPERATOR = "operator"
"""In place of a scope: the operator alone."""
EVERY_MEMBER = "member"
"""In place of a scope: whoever is signed in as a member."""
PUBLIC = "public"


@dataclass(frozen=True)
class Page:
    """A model's pages in the console: which scope shows them and which changes rows (None: nobody)."""

    model: str
    view: str
    change: str | None
    extra: tuple[str, ...] = ()
    """Pages of its own, beyond the usual ones."""

    @property
    def base(self) -> str:
        return f"{DJANGO}/admin/{self.model.replace('.', '/')}/"


PAGES = (
    Page("tenants.tenant", "settings:manage", "settings:manage"),
    Page("tenants.user", OPERATOR, OPERATOR, ("<id>/password/",)),
    Page("tenants.member", "users:manage", "users:manage"),
    Page("tenants.apikey", "keys:manage", "keys:manage"),
    Page("tenants.providercredential", "keys:manage", "keys:manage"),
    Page("tenants.auditevent", "audit:view", None),
    Page("conversations.conversation", "conversations:read", None),
    Page("knowledge.knowledgeentry", "knowledge:read", "knowledge:edit"),
    Page("channels.widget", "widgets:manage", "widgets:manage", ("<int:widget_id>/preview/",)),
    Page("usage.providerusage", "analytics:view", None),
    Page("usage.budget", OPERATOR, OPERATOR, ("reset/",)),
    Page("usage.quarantinedrecord", OPERATOR, None),
    Page("usage.llmprovider", OPERATOR, OPERATOR),
    Page("usage.llmmodel", OPERATOR, OPERATOR),
    Page("usage.modelprice", OPERATOR, OPERATOR),
    Page("usage.modelalias", OPERATOR, OPERATOR),
)

Kind = Literal["list", "add", "object", "change", "delete", "page", "redirect"]


@dataclass(frozen=True)
class Case:
    """An operation of the console: `kind` tells which ids it takes, `view` and `change` who may read and write."""

    operation: str
    kind: Kind
    view: str
    change: str | None = None
    page: Page | None = None


def _cases_of(page: Page) -> list[Case]:
    usual = [
        Case(page.base, "list", page.view, page.change, page),
        Case(f"{page.base}add/", "add", page.change or OPERATOR, page.change, page),
        Case(f"{page.base}<path:object_id>/", "redirect", page.view, None, page),
        Case(f"{page.base}<path:object_id>/history/", "object", page.view, None, page),
        Case(f"{page.base}<path:object_id>/change/", "change", page.view, page.change, page),
        Case(f"{page.base}<path:object_id>/delete/", "delete", page.change or OPERATOR, page.change, page),
    ]
    own = [Case(page.base + extra, "object", page.view, page.change, page) for extra in page.extra]
    return [*usual, *own]


_SHARED = (
    Case(f"{DJANGO}/admin/", "page", EVERY_MEMBER),
    Case(f"{DJANGO}/admin/search/", "page", EVERY_MEMBER),
    Case(f"{DJANGO}/admin/login/", "page", PUBLIC),
    Case(f"{DJANGO}/admin/logout/", "page", EVERY_MEMBER),
    Case(f"{DJANGO}/admin/password_change/", "page", EVERY_MEMBER),
    Case(f"{DJANGO}/admin/password_change/done/", "page", EVERY_MEMBER),
    Case(f"{DJANGO}/admin/autocomplete/", "page", EVERY_MEMBER),
    Case(f"{DJANGO}/admin/jsi18n/", "page", EVERY_MEMBER),
    Case(
        f"{DJANGO}/admin/^(?P<app_label>tenants|usage|conversations|knowledge|channels)/$",
        "page",
        EVERY_MEMBER,
    ),
    Case(f"{DJANGO}/admin/(?P<url>.*)$", "page", EVERY_MEMBER),
    Case(f"{DJANGO}/", "page", PUBLIC),
    Case(f"{DJANGO}/widget.js", "page", PUBLIC),
)

CONSOLE_CASES = (*(case for page in PAGES for case in _cases_of(page)), *_SHARED)

WIDGET_PATH = f"{RAW}/api/chat-widget/public/widget/{{widget_key}}/"
RAW_CASES = {
    f"{RAW}/v1/chat/completions": "gateway:call",
    f"{RAW}/v1/models": "gateway:call",
    f"{RAW}/v1/models/{{other}}": "gateway:call",
    f"{RAW}/v1/{{other}}": PUBLIC,
    f"{RAW}/healthz": PUBLIC,
    f"{RAW}/readyz": PUBLIC,
    f"{WIDGET_PATH}message": "visitor",
    f"{WIDGET_PATH}config": PUBLIC,
    f"{WIDGET_PATH}{{other}}": PUBLIC,
}

ALL_CASES = [*RAW_CASES, *(case.operation for case in CONSOLE_CASES)]
