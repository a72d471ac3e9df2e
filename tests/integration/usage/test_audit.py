"""The ledger's audit: each kind of fault is found, counted, shown by example; a clean ledger has none."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from frontdesk.gateway.clock import SystemClock
from frontdesk.gateway.journal.writer import JournalWriter
from frontdesk.gateway.messages import Usage
from frontdesk.usage import audit, ledger_pages
from frontdesk.usage.audit import Finding, Report
from frontdesk.usage.models import ModelPrice, QuarantinedRecord
from tests.fakes.calls import NOON_NS, call_id, intent, settled
from tests.integration.usage.priced_calls import RIGHT_COST, call, price_of_mini, store, streamed

pytestmark = pytest.mark.django_db


def findings(root: Path, **options) -> dict[str, Finding]:
    return {finding.kind: finding for finding in audit.examine(journal=root, **options).findings}


def test_a_clean_ledger_has_no_findings(root: Path) -> None:
    price_of_mini()
    cut = call(3, cost=9_000, usage=Usage(60, source="estimated"), status="interrupted")
    refused = msgspec.structs.replace(
        settled(msgspec.structs.replace(intent(4), provider="", model=""), "credits_exhausted", cost=0),
        usage=Usage(),
        price_source="",
    )
    store(call(1), call(2), cut, refused)

    assert audit.examine(journal=root) == Report(
        calls=4, cost_nano_usd=2 * RIGHT_COST + 9_000, estimated_usage=1, interrupted=1, findings=()
    )


def test_calls_without_cost_whose_price_is_known_now_are_found(root: Path) -> None:
    price_of_mini()
    store(call(1), call(2, cost=None), call(3, cost=None))

    found = findings(root)

    assert list(found) == ["tokens_without_cost"]
    assert found["tokens_without_cost"].count == 2
    assert found["tokens_without_cost"].examples == (str(call_id(2)), str(call_id(3)))
    assert "usage reprice --unpriced" in found["tokens_without_cost"].remedy


def test_unpriced_models_are_told_with_their_volume(root: Path) -> None:
    price_of_mini()
    store(*[call(n, cost=None, model="new") for n in range(3)], call(9, cost=None, model="rare"))

    found = findings(root)

    assert list(found) == ["unpriced_models"]
    assert found["unpriced_models"].details == (
        {"model": "openai/new", "calls": 3, "tokens": 450},
        {"model": "openai/rare", "calls": 1, "tokens": 150},
    )


def test_a_call_before_its_models_first_price_is_unpriced(root: Path) -> None:
    price_of_mini(since=datetime(2026, 10, 1, tzinfo=UTC))
    store(call(1, cost=None))

    assert list(findings(root)) == ["unpriced_models"]


def test_a_cost_is_held_against_the_price_of_its_time(root: Path) -> None:
    price_of_mini()
    price_of_mini(factor=2, since=datetime(2026, 10, 1, tzinfo=UTC))
    ModelPrice.objects.filter(valid_from__year=2026, valid_from__month=1).update(
        valid_until=datetime(2026, 10, 1, tzinfo=UTC)
    )
    store(call(1), call(2, cost=RIGHT_COST + 5), call(3, cost=2 * RIGHT_COST))

    found = findings(root)

    assert list(found) == ["cost_differs"]
    assert found["cost_differs"].details == (
        {"model": "openai/gpt-4o-mini", "calls": 2, "difference_nano_usd": -RIGHT_COST - 5},
    )


@pytest.mark.parametrize(("seconds", "kinds"), [(-1, []), (60, []), (121, ["cost_differs"])])
def test_a_price_that_has_just_begun_may_not_be_known_to_a_server_yet(
    root: Path, seconds: int, kinds: list[str]
) -> None:
    begins = datetime(2026, 10, 1, tzinfo=UTC)
    price_of_mini()
    ModelPrice.objects.update(valid_until=begins)
    price_of_mini(factor=2, since=begins)
    made = call(1)
    at_ns = (int(begins.timestamp()) + seconds) * 10**9
    store(msgspec.structs.replace(made, intent=msgspec.structs.replace(made.intent, at_ns=at_ns)))

    assert list(findings(root)) == kinds


def test_a_cost_that_names_no_price_is_found(root: Path) -> None:
    price_of_mini()
    store(msgspec.structs.replace(call(1), price_source=""))

    assert list(findings(root)) == ["cost_without_source"]


def test_prices_of_the_environment_are_not_held_against_the_table(root: Path) -> None:
    price_of_mini()
    store(msgspec.structs.replace(call(1, cost=77), price_source="LLM_PROVIDERS"))

    assert findings(root) == {}


def test_streams_and_replies_without_the_providers_count_are_found_apart(root: Path) -> None:
    price_of_mini()
    estimated = Usage(60, 40, 0, 50, 0, "estimated")
    store(
        streamed(call(1, usage=estimated)),
        streamed(call(2, cost=0, usage=Usage())),
        call(3, usage=estimated),
        streamed(call(4, usage=estimated, status="cancelled")),
    )

    found = findings(root)

    assert {kind: finding.count for kind, finding in found.items()} == {
        "streams_without_usage": 2,
        "successes_without_usage": 1,
    }


def test_the_simulated_provider_counts_nothing_and_is_no_finding(root: Path) -> None:
    one = call(1, usage=Usage(10, 0, 0, 5, 0, "estimated"))
    intent = msgspec.structs.replace(one.intent, provider="simulated", model="echo")

    store(msgspec.structs.replace(one, intent=intent, cost_nano_usd=0, price_source="simulated"))

    assert "successes_without_usage" not in findings(root)


@pytest.mark.parametrize(
    "changes",
    [
        {"usage": Usage(-1, 0, 0, 5, 0)},
        {"usage": Usage(10**9, 0, 0, 5, 0)},
        {"cost_nano_usd": -5},
        {"cost_nano_usd": 10**14},
        {"latency_ms": -7},
    ],
    ids=str,
)
def test_impossible_values_are_found(root: Path, changes: dict[str, object]) -> None:
    store(msgspec.structs.replace(call(1), **changes))

    assert findings(root)["absurd_values"].count == 1


@pytest.mark.parametrize("at_ns", [0, 7_000_000_000_000_000_000])
def test_impossible_times_are_found(root: Path, at_ns: int) -> None:
    made = call(1)
    store(msgspec.structs.replace(made, intent=msgspec.structs.replace(made.intent, at_ns=at_ns)))

    assert findings(root)["absurd_values"].count == 1


def test_numbers_as_large_as_a_column_holds_do_not_break_the_audit(root: Path) -> None:
    price_of_mini()
    huge = Usage(2**63, 2**63, 2**63, 2**63, 2**63)
    store(*[msgspec.structs.replace(call(n, cost=2**63), usage=huge) for n in range(3)])

    report = audit.examine(journal=root)

    assert report.cost_nano_usd == 3 * 10**15
    assert [finding.kind for finding in report.findings] == ["absurd_values"]


def test_a_call_that_began_long_ago_and_has_no_end_is_found(root: Path) -> None:
    clock = SystemClock()
    writer = JournalWriter.open(root, clock)
    now_ns = clock.now_ns()
    old, recent, ended = (
        msgspec.structs.replace(intent(number), at_ns=now_ns - age_s * 10**9)
        for number, age_s in ((1, 3_600), (2, 5), (3, 3_600))
    )
    for one in (old, recent, ended):
        writer.append(one)
    writer.append(settled(ended))

    found = findings(root)
    writer.close()

    assert found["open_intents"].examples == (str(call_id(1)),)


def test_a_journal_without_an_owner_is_found(root: Path) -> None:
    clock = SystemClock()
    writer = JournalWriter.open(root, clock)
    writer.append(msgspec.structs.replace(intent(1), at_ns=clock.now_ns()))
    assert findings(root) == {}
    writer.close()

    found = findings(root)

    assert found["orphaned_journals"].examples == (writer.directory.path.name,)


def test_what_was_set_aside_and_prices_that_overlap_are_found(root: Path) -> None:
    price_of_mini()
    price_of_mini(factor=2, since=datetime(2026, 10, 1, tzinfo=UTC))
    QuarantinedRecord.objects.create(source="d/s@0", reason="damaged: 3 bytes")

    found = findings(root)

    assert found["quarantined_records"].examples == ("d/s@0",)
    assert found["overlapping_prices"].examples == ("openai/gpt-4o-mini",)


def test_an_audit_can_begin_at_a_moment(root: Path) -> None:
    noon = datetime.fromtimestamp(NOON_NS / 1e9, UTC)
    store(call(0, cost=None), call(5_000, cost=None))

    assert audit.examine(journal=root, since=noon + timedelta(seconds=1)).calls == 1
    assert audit.examine(journal=root, since=noon).calls == 2
    assert audit.examine(journal=root, since=noon + timedelta(days=1)).calls == 0


def test_a_tenants_audit_sees_its_own_calls_and_no_journal(alice_tenant, mallory_tenant, root: Path) -> None:
    JournalWriter.open(root, SystemClock()).close()
    store(call(1, cost=None, tenant_id=alice_tenant.pk), call(2, cost=None, tenant_id=mallory_tenant.pk))

    report = audit.examine(alice_tenant, journal=root)

    assert report.calls == 1
    assert [(finding.kind, finding.examples) for finding in report.findings] == [
        ("unpriced_models", (str(call_id(1)),))
    ]


def test_every_row_is_seen_once_whatever_the_pages(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_pages, "PAGE_ROWS", 3)
    for rows in (2, 3, 4, 6, 7):
        store(*[call(number, cost=None) for number in range(rows)])
        assert audit.examine(journal=root).calls == rows
