"""Reads of the ledger: the last calls."""

import json

import pytest

from frontdesk.tenants.tenancy import TenantRequired
from frontdesk.usage import ledger, selectors
from frontdesk.usage.ledger import Batch, Entry
from frontdesk.usage.models import ProviderUsage
from tests.fakes.calls import call_id, intent, settled


@pytest.fixture
def calls(db: None) -> None:
    """Five calls of tenant 1 and one of tenant 2."""
    stored = [settled(intent(number)) for number in range(5)] + [settled(intent(9, tenant_id=2))]
    ledger.store(Batch(directory="d", segment="s", end_offset=1, entries=tuple(Entry(call, 0) for call in stored)))


def test_the_last_calls_are_the_newest_first(calls: None) -> None:
    assert [call["request_id"] for call in selectors.last_calls(1, 3)] == ["request-4", "request-3", "request-2"]
    assert [call["request_id"] for call in selectors.last_calls(2, 3)] == ["request-9"]
    assert selectors.last_calls(3, 3) == []
    assert selectors.last_calls(1, 0) == []
    assert selectors.last_calls(1, -1) == []


def test_a_call_is_told_in_plain_values(calls: None) -> None:
    [call] = selectors.last_calls(2, 1)

    assert json.loads(json.dumps(call)) == {
        "call_id": str(call_id(9)),
        "request_id": "request-9",
        "client_request_id": "",
        "created_at": "2026-09-21T14:13:20.009000Z",
        "operation": "chat",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "served_model": "gpt-4o-mini-2024-07-18",
        "status": "success",
        "is_streamed": False,
        "position": 0,
        "input_tokens": 100,
        "output_tokens": 50,
        "total_tokens": 150,
        "uncached_input": 60,
        "cache_read": 40,
        "cache_write": 0,
        "output": 50,
        "reasoning": 0,
        "usage_source": "provider",
        "cost_nano_usd": 45_000,
        "price_source": "genai-prices 0.2.3",
        "latency_ms": 812,
        "first_token_ms": 240,
        "finish": "stop",
        "error_class": "",
        "error_code": "",
        "error_message": "",
        "upstream_status": None,
        "api_key_id": 7,
        "widget_id": None,
        "conversation_id": None,
        "turn_id": None,
        "user_id": None,
    }


def test_a_tenant_sees_its_own_calls_alone(calls: None, alice_tenant, mallory_tenant) -> None:
    ProviderUsage.objects.across_tenants().filter(tenant_id=1).update(tenant_id=alice_tenant.pk + 1000)
    ProviderUsage.objects.for_tenant(2).update(tenant_id=mallory_tenant.pk)

    assert selectors.last_calls(alice_tenant, 10) == []
    assert [call["request_id"] for call in selectors.last_calls(mallory_tenant, 10)] == ["request-9"]


def test_a_query_that_names_no_tenant_is_refused(calls: None) -> None:
    with pytest.raises(TenantRequired):
        list(ProviderUsage.objects.all())
