"""The raw routes: a key opens its own tenant and nothing else, a visitor's token its own conversation."""

from __future__ import annotations

import pytest

from tests.isolation.asking import Findings
from tests.isolation.cases import PUBLIC, RAW_CASES
from tests.isolation.operations import METHODS, RAW
from tests.isolation.raw import Answer, Server
from tests.isolation.world import ALICES_SECRET, CANARY, Shop, World, build, fingerprint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("database_threads")]

ASK = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
BILLED = ("tenants.configversion", "tenants.apikeyuse")
"""Tables that another tenant's own, allowed request may move."""


@pytest.fixture
def world(transactional_db) -> World:
    return build()


@pytest.fixture
def server(world) -> Server:
    return Server()


def path_of(operation: str, shop: Shop, other: str = "openai/gpt-4o-mini") -> str:
    widget = shop.rows["channels.widget"]
    return operation.removeprefix(RAW).replace("{widget_key}", widget.key).replace("{other}", other)


def credentials(world: World) -> dict[str, dict[str, str]]:
    """Everything that must not open a route of Alice's, or with the wrong scope, not this one."""
    alice, mallory = world.alice, world.mallory
    return {
        "nobody": {},
        "visitor": {"authorization": f"Bearer {alice.visitor_token}"},
        "wrong key": {"authorization": "Bearer fd_wrong"},
        "provider's key": {"authorization": f"Bearer {ALICES_SECRET}"},
        "wrong scope": {"authorization": f"Bearer {alice.key_without_scope}"},
        "mallory's key, alice's id": {"x-tenant-id": str(alice.tenant.pk), "x-tenant-api-key": mallory.key},
        "mallory's key, alice's slug": {"x-tenant-id": alice.tenant.slug, "authorization": f"Bearer {mallory.key}"},
        "key without tenant": {"x-tenant-api-key": alice.key},
        "tenant without key": {"x-tenant-id": str(alice.tenant.pk)},
        "two keys": {"authorization": f"Bearer {mallory.key}", "x-api-key": alice.key},
        "session": {"cookie": "sessionid=0123456789abcdef0123456789abcdef"},
    }


def judge(findings: Findings, told: str, answer: Answer, allowed: tuple[int, ...]) -> None:
    findings.asked += 1
    if answer.status not in allowed:
        findings.wrong.append(f"{told} → {answer.status}")
    if CANARY in answer.text or ALICES_SECRET in answer.text:
        findings.wrong.append(f"{told} shows Alice's")


@pytest.mark.parametrize("operation", [name for name, scope in RAW_CASES.items() if scope == "gateway:call"])
def test_a_route_for_keys_refuses_all_other_credentials(world, server, operation, record_property):
    findings, before = Findings(), fingerprint(world.alice.tenant)

    for who, headers in credentials(world).items():
        for method in METHODS:
            answer = server.ask(method, path_of(operation, world.alice), ASK, headers)
            judge(findings, f"{who} {method}", answer, (400, 401, 403, 404, 405))

    record_property("isolation_requests", findings.asked)
    assert findings.wrong == []
    assert fingerprint(world.alice.tenant) == before
    assert server.tenants_billed() == set()


def test_another_tenants_key_spends_for_its_own_tenant_only(world, server):
    before = fingerprint(world.alice.tenant)

    answer = server.ask("POST", "/v1/chat/completions", ASK, {"authorization": f"Bearer {world.mallory.key}"})

    assert answer.status == 200
    assert CANARY not in answer.text
    assert server.tenants_billed() == {world.mallory.tenant.pk}
    after = fingerprint(world.alice.tenant)
    assert {table for table in before if before[table] != after[table]} <= set(BILLED)


@pytest.mark.parametrize("carrier", ["bearer", "x-api-key", "tenant id", "tenant slug"])
def test_each_carrier_of_the_right_key_is_let_in(world, server, carrier):
    key, tenant = world.alice.key, world.alice.tenant
    headers = {
        "bearer": {"authorization": f"Bearer {key}"},
        "x-api-key": {"x-api-key": key},
        "tenant id": {"x-tenant-id": str(tenant.pk), "x-tenant-api-key": key},
        "tenant slug": {"x-tenant-id": tenant.slug, "x-tenant-api-key": key},
    }[carrier]

    assert server.ask("POST", "/v1/chat/completions", ASK, headers).status == 200
    assert server.tenants_billed() == {tenant.pk}


@pytest.mark.parametrize("operation", [name for name, scope in RAW_CASES.items() if scope == PUBLIC])
def test_a_public_route_tells_nothing_that_is_not_public(world, server, operation, record_property):
    findings, before = Findings(), fingerprint(world.alice.tenant)

    for who, headers in credentials(world).items():
        for method in METHODS:
            answer = server.ask(method, path_of(operation, world.alice, "nothing"), None, headers)
            judge(findings, f"{who} {method}", answer, (200, 204, 401, 403, 404, 405))

    record_property("isolation_requests", findings.asked)
    assert findings.wrong == []
    assert fingerprint(world.alice.tenant) == before


def test_a_conversation_is_its_visitors_alone(world, server, record_property):
    findings, before = Findings(), fingerprint(world.alice.tenant)
    alices = world.alice.rows["conversations.conversation"].pk
    path = path_of("raw /api/chat-widget/public/widget/{widget_key}/message", world.alice)
    through_mallorys = path_of("raw /api/chat-widget/public/widget/{widget_key}/message", world.mallory)
    tokens = {
        "none": None,
        "mallory's": world.mallory.visitor_token,
        "altered": world.alice.visitor_token[:-2] + "xx",
        "empty": "",
        "key": world.alice.key,
    }

    for who, token in tokens.items():
        for asked in (alices, alices + 1, 2**62):
            body = {"conversation_id": asked, "message_text": "what was said?", "visitor_token": token}
            judge(findings, f"{who} {asked}", server.ask("POST", path, body), (400, 403))
    own = {"conversation_id": alices, "message_text": "hello", "visitor_token": world.alice.visitor_token}
    judge(findings, "through another tenant's widget", server.ask("POST", through_mallorys, own), (403,))
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        judge(findings, method, server.ask(method, path, own), (405,))

    record_property("isolation_requests", findings.asked)
    assert findings.wrong == []
    assert fingerprint(world.alice.tenant) == before
    assert server.tenants_billed() == set()


def test_the_visitor_goes_on_with_the_own_conversation(world, server):
    """Without this the test above could pass on a route that refuses everybody."""
    talk = world.alice.rows["conversations.conversation"]
    path = path_of("raw /api/chat-widget/public/widget/{widget_key}/message", world.alice)
    body = {"conversation_id": talk.pk, "message_text": "hello", "visitor_token": world.alice.visitor_token}

    answer = server.ask("POST", path, body)

    assert answer.status == 200
    assert f'"conversation_id":{talk.pk}' in answer.body.decode()
