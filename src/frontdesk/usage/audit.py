"""The ledger's audit of itself: what should not be in it, how often, where, and what to do about each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from django.conf import settings
from django.utils import timezone as clock

from frontdesk.gateway import pricing
from frontdesk.gateway.snapshot import SIMULATED, Price
from frontdesk.usage import journal_audit, ledger_pages
from frontdesk.usage.ledger_pages import LedgerRow
from frontdesk.usage.models import ModelPrice, ProviderUsage, QuarantinedRecord
from frontdesk.usage.prices.book import PriceBook

if TYPE_CHECKING:
    from frontdesk.tenants.models import Tenant

EXAMPLES = 5
MOST_DETAILS = 50
ABSURD_TOKENS = 100_000_000
"""No model reads or writes so much in one call."""
ABSURD_COST_NANO_USD = 10_000 * 1_000_000_000
"""10,000 USD for one call."""
LONGEST_CLOCK_ERROR = timedelta(days=1)
NEWS_TAKE = timedelta(minutes=2)
"""So long after a price begins, a call at the one before is right too: servers read prices at least once a minute."""
_FIRST_CALL = datetime(2020, 1, 1, tzinfo=UTC)

REMEDIES: Mapping[str, tuple[str, str]] = {
    "tokens_without_cost": (
        "calls with tokens and no cost, although their price is known now",
        "frontdesk usage reprice --unpriced",
    ),
    "unpriced_models": (
        "calls with tokens to models without a price",
        "set one from the first call on: frontdesk prices set MODEL --input USD --output USD --from DATE; "
        "then frontdesk usage reprice --unpriced",
    ),
    "cost_differs": (
        "costs that are not their tokens at the price of their time",
        "look at frontdesk prices show MODEL; then frontdesk usage reprice --model MODEL --dry-run",
    ),
    "cost_without_source": (
        "costs that do not say which price they are from",
        "compare them with the provider's bill; frontdesk usage reprice --model MODEL names the price",
    ),
    "streams_without_usage": (
        "streams that ended well without the provider's own count: their tokens are estimated or missing",
        "compare them with the provider's bill; see whether the provider has the quirk no_stream_options needlessly",
    ),
    "successes_without_usage": (
        "other calls that ended well without the provider's own count of tokens",
        "look at the calls in the console; the provider may not be counting",
    ),
    "absurd_values": (
        "negative or impossible tokens, costs, durations or times",
        "look at the calls in the console; the provider's reply or a clock is wrong",
    ),
    "open_intents": (
        "calls that began in a running process longer ago than a call can take, and have no end",
        "restart the process: the calls become interrupted rows",
    ),
    "orphaned_journals": (
        "journals of processes that are gone which could not be taken into the ledger",
        "see the log for journal_not_adopted, and the folder's owner and permissions",
    ),
    "quarantined_records": (
        "journal records that could not become rows",
        "look at them in the console under Quarantined records",
    ),
    "overlapping_prices": (
        "models with two prices of one kind at one time",
        "end one of them: see frontdesk prices show MODEL",
    ),
}
"""By kind: what was found, and what to do."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fault. `details` count by model where that helps, the most frequent first."""

    kind: str
    count: int
    what: str
    remedy: str
    examples: tuple[str, ...] = ()
    """Ids of calls (or names of what else was found), at most EXAMPLES."""
    details: tuple[Mapping[str, Any], ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit looked at, and what it found; no findings is a clean ledger."""

    calls: int
    cost_nano_usd: int
    estimated_usage: int
    """Calls whose tokens are estimated; for one that was cut short, that is as it should be."""
    interrupted: int
    findings: tuple[Finding, ...]


def examine(
    tenant: Tenant | int | None = None, *, since: datetime | None = None, journal: Path | None = None
) -> Report:
    """Look at every row since a moment (of one tenant, or of all), and at what is beside the ledger.

    About 20 s of CPU for a million rows. The journals, by default the data directory's, are looked at when no tenant is
    named.
    """
    examination = _Examination(PriceBook.load(), clock.now())
    rows = ProviderUsage.objects.across_tenants() if tenant is None else ProviderUsage.objects.for_tenant(tenant)
    for page in ledger_pages.pages(rows, since):
        for row in page:
            examination.look_at(row)
    if tenant is None:
        examination.look_beside(settings.DATA_DIR / "journal" if journal is None else journal)
    return examination.report()


class _Examination:
    """Counts faults, row by row."""

    def __init__(self, book: PriceBook, now: datetime) -> None:
        self._book = book
        self._latest = now + LONGEST_CLOCK_ERROR
        self._now = now
        self._calls = self._cost_nano_usd = self._estimated = self._interrupted = 0
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._by_model: dict[str, dict[str, Counter[str]]] = {}

    def look_at(self, row: LedgerRow) -> None:
        """Check one row."""
        self._calls += 1
        self._cost_nano_usd += row.cost_nano_usd or 0
        self._estimated += row.usage_source == "estimated"
        self._interrupted += row.status == "interrupted"
        if self._is_absurd(row):
            self._found("absurd_values", row)
        is_counted = row.provider != SIMULATED
        if is_counted and row.status == "success" and (row.usage_source == "estimated" or not row.has_tokens):
            self._found("streams_without_usage" if row.is_streamed else "successes_without_usage", row)
        if row.is_priced_here:
            self._check_cost(row, self._book.at(row.provider, row.model, row.created_at))

    def look_beside(self, journal: Path) -> None:
        """Check the journals, what was set aside, and the prices themselves."""
        state = journal_audit.state_of(journal, int(self._now.timestamp() * 1e9))
        self._add("open_intents", [str(call_id) for call_id in state.stale_calls])
        self._add("orphaned_journals", state.orphans)
        quarantined = QuarantinedRecord.objects.order_by("-id").values_list("source", flat=True)
        self._counts["quarantined_records"] = quarantined.count()
        self._examples["quarantined_records"] = list(quarantined[:EXAMPLES])
        self._add("overlapping_prices", _overlaps())

    def report(self) -> Report:
        """Give the findings, in the order of REMEDIES."""
        return Report(
            calls=self._calls,
            cost_nano_usd=self._cost_nano_usd,
            estimated_usage=self._estimated,
            interrupted=self._interrupted,
            findings=tuple(
                Finding(
                    kind=kind,
                    count=self._counts[kind],
                    what=what,
                    remedy=remedy,
                    examples=tuple(self._examples[kind]),
                    details=self._details(kind),
                )
                for kind, (what, remedy) in REMEDIES.items()
                if self._counts[kind]
            ),
        )

    def _check_cost(self, row: LedgerRow, price: Price | None) -> None:
        if row.cost_nano_usd is None:
            if row.has_tokens:
                kind = "unpriced_models" if price is None else "tokens_without_cost"
                self._found(kind, row, tokens=sum(row[9:14]))
            return
        if not row.price_source:
            self._found("cost_without_source", row)
        expected = ledger_pages.within_column(pricing.cost(row.usage, price))
        if expected is not None and expected != row.cost_nano_usd and not self._was_just_replaced(row, price):
            self._found("cost_differs", row, difference_nano_usd=expected - row.cost_nano_usd)

    def _was_just_replaced(self, row: LedgerRow, price: Price | None) -> bool:
        """Tell whether the cost is right by the price before: a server goes on with it until it knows the new one."""
        if price is None:
            return False
        begins = datetime.fromtimestamp(price.valid_from_ns / 1e9, UTC)
        if row.created_at - begins > NEWS_TAKE:
            return False
        before = self._book.at(row.provider, row.model, begins - timedelta(microseconds=1))
        return ledger_pages.within_column(pricing.cost(row.usage, before)) == row.cost_nano_usd

    def _is_absurd(self, row: LedgerRow) -> bool:
        return (
            not all(0 <= bucket <= ABSURD_TOKENS for bucket in row[9:14])
            or not 0 <= (row.cost_nano_usd or 0) <= ABSURD_COST_NANO_USD
            or (row.latency_ms or 0) < 0
            or not _FIRST_CALL <= row.created_at <= self._latest
        )

    def _found(self, kind: str, row: LedgerRow, **sums: int) -> None:
        self._counts[kind] += 1
        examples = self._examples.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append(str(row.call_id))
        models = self._by_model.setdefault(kind, {})
        models.setdefault(f"{row.provider}/{row.model}", Counter()).update(calls=1, **sums)

    def _add(self, kind: str, names: Iterable[str]) -> None:
        found = list(names)
        self._counts[kind] = len(found)
        self._examples[kind] = found[:EXAMPLES]

    def _details(self, kind: str) -> tuple[Mapping[str, Any], ...]:
        models = sorted(self._by_model.get(kind, {}).items(), key=lambda item: (-item[1]["calls"], item[0]))
        return tuple({"model": model, **sums} for model, sums in models[:MOST_DETAILS])


def _overlaps() -> list[str]:
    """Name the models that have two imported prices, or two overrides, at one time."""
    found: set[str] = set()
    ends: dict[tuple[int, bool], datetime | None] = {}
    for row in ModelPrice.objects.select_related("model__provider").order_by("valid_from"):
        key = (row.model_id, row.is_override)
        if key in ends and ((end := ends[key]) is None or end > row.valid_from):
            found.add(f"{row.model.provider.name}/{row.model.name}")
        ends[key] = row.valid_until
    return sorted(found)
