"""Asking the console for one operation in every way, and judging the answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.urls import reverse

from tests.isolation.cases import EVERY_MEMBER, OPERATOR, PUBLIC, Case
from tests.isolation.operations import DJANGO, METHODS
from tests.isolation.world import ALICES_SECRET, CANARY, Shop, World, fingerprint

ABSURD = "99999999999999999999"
PWNED = "pwned-by-somebody-else"
APP = "conversations"
_RELATED = (
    ("knowledge.knowledgeentry", "tenant"),
    ("channels.widget", "tenant"),
    ("tenants.apikey", "tenant"),
    ("tenants.member", "user"),
    ("usage.budget", "tenant"),
)
"""Foreign keys whose targets the console offers by search."""


@dataclass
class Findings:
    """What was asked and what went wrong, in words."""

    asked: int = 0
    wrong: list[str] = field(default_factory=list)


def id_of(case: Case, world: World, shop: Shop) -> str:
    """The id that the operation takes: the shop's own row, or the operator's where rows belong to nobody."""
    assert case.page is not None
    row = shop.rows.get(case.page.model) or world.operators[case.page.model]
    return str(row.pk)


def address(case: Case, object_id: str = "") -> str:
    route = case.operation.removeprefix(DJANGO)
    for written in ("<path:object_id>", "<id>", "<int:widget_id>"):
        route = route.replace(written, object_id)
    if "(?P<app_label>" in route:
        return f"/admin/{APP}/"
    return "/admin/no/such/page/" if "(?P<url>" in route else route


def scopes_of(role: str) -> frozenset[str]:
    from frontdesk.tenants.roles import scopes_of as held

    return held(role)


def holds(role: str, scope: str | None) -> bool:
    """Tell whether a member with the role may do what takes the scope."""
    return scope in (EVERY_MEMBER, PUBLIC) or (scope not in (None, OPERATOR) and scope in scopes_of(role))


def bodies(case: Case, world: World, shop: Shop) -> Iterator[dict[str, Any]]:
    """What might be posted: plausible and hostile."""
    yield {}
    yield {"post": "yes"}
    object_id = id_of(case, world, shop) if case.page else ""
    yield {"_save": "1", "name": PWNED, "tenant": shop.tenant.pk, "is_enabled": "", "is_active": "", "role": "agent"}
    yield {"_saveasnew": "1", "name": PWNED, "tenant": shop.tenant.pk, "_popup": "1"}
    for action in ("delete_selected", "revoke", "turn_off", "turn_on", "revoke_this", "rotate_this"):
        yield {
            "action": action,
            f"{case.page.model.replace('.', '_') if case.page else ''}_{action}": "1",
            "_selected_action": [object_id],
            "select_across": "1",
            "index": "0",
            "post": "yes",
        }
    yield {"visitor_token": shop.visitor_token, "conversation_id": object_id, "message_text": PWNED}


def queries(world: World, shop: Shop) -> Iterator[dict[str, Any]]:
    """What might be asked of a list, in the hope that it tells of others' rows."""
    tenant = shop.tenant.pk
    yield {}
    for term in (CANARY, str(shop.rows["conversations.conversation"].pk), shop.rows["usage.providerusage"].request_id):
        yield {"q": term}
    for name in ("tenant", "tenant_id", "tenant__id__exact", "tenant__slug", "id", "pk", "contact__tenant"):
        yield {name: tenant}
        yield {name: ABSURD}
    yield {"tenant__apikey__name__startswith": CANARY}
    yield {"_popup": "1", "_to_field": "id"}
    yield {"s": CANARY, "extended": "1"}
    yield {"p": ABSURD, "o": "1.2.-3", "all": ""}
    yield {"status": "failed", "provider": "openai", "period": "30d"}
    for model, related in _RELATED:
        label, name = model.split(".")
        yield {"term": "", "app_label": label, "model_name": name, "field_name": related}


def requests(case: Case, world: World, shop: Shop, *, is_thorough: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every method; with every body or query that goes with it, or with one that says what is done."""
    for method in METHODS:
        if not is_thorough:
            yield method, {"post": "yes", "name": PWNED, "tenant": shop.tenant.pk} if method == "POST" else {}
            continue
        if method == "POST":
            yield from (("POST", body) for body in bodies(case, world, shop))
        elif method == "GET" and case.kind in ("list", "page"):
            yield from (("GET", query) for query in queries(world, shop))
        else:
            yield method, {}


def ask(client: Client, method: str, path: str, data: dict[str, Any]) -> Any:
    if method in ("GET", "HEAD"):
        return getattr(client, method.lower())(path, data)
    if method == "POST":
        return client.post(path, data)
    return client.generic(method, path, b"{}", content_type="application/json")


def is_refusal(response: Any) -> bool:
    """401, 403, 404, 405, or the way to the sign-in page."""
    if response.status_code in (401, 403, 404, 405):
        return True
    login = reverse("admin:login")
    return response.status_code == 302 and response["Location"].startswith(login)


def leaks(response: Any) -> list[str]:
    """The canaries in what was answered, headers included. What was asked for and is only echoed does not count."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    text = body.decode(errors="replace")
    headers = repr(response.headers) + repr(response.cookies)
    asked = response.wsgi_request.get_full_path() if hasattr(response, "wsgi_request") else ""
    echoed = CANARY in asked or CANARY in repr(getattr(response, "wsgi_request", None) and response.wsgi_request.POST)
    found = [ALICES_SECRET] if ALICES_SECRET in text + headers else []
    marks = (f"{CANARY} ", f"{CANARY}-", f"{CANARY}/") if echoed else (CANARY,)
    return found + [mark for mark in marks if mark in text or mark in headers]


class Probe:
    """One client's attempts at one shop's rows; what went wrong is collected, so that one run shows everything."""

    def __init__(self, world: World, findings: Findings) -> None:
        self._world = world
        self._shop = world.alice
        self._findings = findings

    def expect_refusal(
        self, who: str, client: Client, case: Case, *, methods: tuple[str, ...] = METHODS, is_thorough: bool = True
    ) -> None:
        """Nothing but refusals, no canary, and every table of Alice's as before."""
        self._attempt(who, client, case, methods, may_answer=False, is_thorough=is_thorough)

    def expect_no_effect(self, who: str, client: Client, case: Case) -> None:
        """Who may look but not change: whatever is posted, no failure, and every table of Alice's as before."""
        self._attempt(who, client, case, ("POST",), may_answer=True, is_thorough=True, may_see=True)

    def expect_nothing_of_alices(self, who: str, client: Client, case: Case) -> None:
        """The page may answer, about others' rows: no canary, no failure, every table of Alice's as before."""
        self._attempt(who, client, case, METHODS, may_answer=True, is_thorough=True)

    def _attempt(
        self,
        who: str,
        client: Client,
        case: Case,
        methods: tuple[str, ...],
        *,
        may_answer: bool,
        is_thorough: bool,
        may_see: bool = False,
    ) -> None:
        path = address(case, id_of(case, self._world, self._shop) if case.page else "")
        before = fingerprint(self._shop.tenant)
        for method, data in requests(case, self._world, self._shop, is_thorough=is_thorough):
            if method not in methods:
                continue
            response = ask(client, method, path, data)
            self._findings.asked += 1
            told = f"{who}: {method} {path} {data} → {response.status_code}"
            if not may_see and leaks(response):
                self._findings.wrong.append(f"{told}: shows {leaks(response)}")
            if response.status_code >= 500:
                self._findings.wrong.append(f"{told}: fails")
            if not may_answer and not (is_refusal(response) or method == "OPTIONS"):
                self._findings.wrong.append(f"{told}: is not refused")
        after = fingerprint(self._shop.tenant)
        own = {"tenants.configversion"} if may_answer else set()  # moves with others' own changes, too
        changed = [table for table in before if before[table] != after[table] and table not in own]
        if changed:
            self._findings.wrong.append(f"{who}: {path} changed {changed}")
