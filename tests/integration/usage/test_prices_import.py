"""Importing prices: a plan to review, written whole or not at all, without touching the past or overrides."""

from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError
from django.utils import timezone

from frontdesk.gateway.providers import catalog
from frontdesk.gateway.snapshot import PriceTier
from frontdesk.tenants.audit import AuditEvent
from frontdesk.tenants.tenancy import current_version
from frontdesk.usage import price_list, selectors, services
from frontdesk.usage.models import LLMModel, ModelPrice
from frontdesk.usage.price_list import DatedPrice, ListedModel

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
YEAR_2100 = datetime(2100, 1, 1, tzinfo=UTC)
YEAR_2101 = datetime(2101, 1, 1, tzinfo=UTC)


def price(amount: int, since: datetime = JANUARY, long: int | None = None) -> DatedPrice:
    tiers = (
        () if long is None else (PriceTier(above=200_000, input=long, output=long, cache_read=long, cache_write=long),)
    )
    return DatedPrice(since, amount, 4 * amount, amount, amount, f"list at {amount}", tiers)


@pytest.fixture
def listed(db: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[DatedPrice, ...]]:
    """What the price list says of openai's models; imported once."""
    models = {"one": (price(100),), "two": (price(200),)}
    monkeypatch.setattr(
        price_list,
        "models_of",
        lambda name: [ListedModel(model, 1_000, prices) for model, prices in models.items()] if name else [],
    )
    monkeypatch.setattr(catalog, "PROVIDERS", (catalog.PROVIDERS[0], catalog.PROVIDERS[-1]))
    monkeypatch.setattr(catalog, "MODELS", (catalog.SIMULATED_MODEL,))
    monkeypatch.setattr(catalog, "RETIRED", ())
    monkeypatch.setattr(catalog, "ALIASES", ())
    services.setup_catalog()
    return models


def rows(model: str) -> list[tuple[int, datetime, datetime | None]]:
    found = ModelPrice.objects.filter(model__name=model, is_override=False).order_by("valid_from")
    return [(row.input_nano_usd_per_mtok, row.valid_from, row.valid_until) for row in found]


def test_nothing_new_is_an_empty_plan(listed: object) -> None:
    version = current_version()

    assert services.plan_prices().changes == ()
    assert services.import_prices(services.plan_prices(), with_marked=True).prices == 0
    assert current_version() == version


def test_a_plan_shows_old_and_new_and_writes_nothing(listed: dict[str, tuple[DatedPrice, ...]]) -> None:
    listed["one"] = (price(120),)
    listed["three"] = (price(300),)
    del listed["two"]

    plan = services.plan_prices()

    shown = [(change.model, change.kind, change.percent, change.is_marked) for change in plan.changes]
    assert shown == [
        ("one", "changed", Decimal(20), False),
        ("three", "added", None, False),
        ("two", "retired", None, False),
    ]
    assert rows("one") == [(100, JANUARY, None)]
    assert not LLMModel.objects.filter(name="three").exists()


def test_an_import_closes_the_old_row_and_opens_a_new_one(listed: dict[str, tuple[DatedPrice, ...]]) -> None:
    listed["one"] = (price(120, MARCH),)
    listed["three"] = (price(300),)
    before = timezone.now()

    done = services.import_prices(services.plan_prices(), with_marked=False)

    assert (done.prices, done.models) == (2, 1)
    [old, new] = rows("one")
    assert (old[0], old[1], new[0], new[2]) == (100, JANUARY, 120, None)
    assert old[2] == new[1] >= before
    assert services.plan_prices().changes == ()
    event = AuditEvent.unscoped.get(action="prices.imported", changes__changed=1)
    assert event.changes["added"] == 1


def test_dates_of_the_past_are_taken_when_asked_for(listed: dict[str, tuple[DatedPrice, ...]]) -> None:
    listed["one"] = (price(100), price(120, MARCH))
    assert services.plan_prices().changes[0].listed_from == MARCH

    services.import_prices(services.plan_prices(with_past=True), with_marked=False, with_past=True)

    assert rows("one") == [(100, JANUARY, MARCH), (120, MARCH, None)]
    assert services.plan_prices().changes == ()


def test_a_model_that_is_no_longer_listed_keeps_its_price(listed: dict[str, tuple[DatedPrice, ...]]) -> None:
    del listed["two"]

    services.import_prices(services.plan_prices(), with_marked=True)

    assert rows("two") == [(200, JANUARY, None)]


@pytest.mark.parametrize(("new", "is_marked"), [(150, False), (151, True), (50, False), (49, True), (0, True)], ids=str)
def test_more_than_half_up_or_down_or_nothing_at_all_is_marked(
    listed: dict[str, tuple[DatedPrice, ...]], new: int, is_marked: bool
) -> None:
    listed["one"] = (price(new),)

    [change] = services.plan_prices().changes

    assert change.is_marked is is_marked


def test_what_was_free_and_is_no_longer_is_marked(listed: dict[str, tuple[DatedPrice, ...]]) -> None:
    listed["one"] = (price(0),)
    services.import_prices(services.plan_prices(), with_marked=True)
    listed["one"] = (price(1),)

    [change] = services.plan_prices().changes

    assert (change.percent, change.is_marked) == (None, True)


def test_a_new_tier_is_a_change_of_what_long_prompts_cost(listed: dict[str, tuple[DatedPrice, ...]]) -> None:
    listed["one"] = (price(100, long=400),)

    [change] = services.plan_prices().changes
    services.import_prices(services.plan_prices(), with_marked=True)

    assert (change.percent, change.is_marked) == (Decimal(300), True)
    found = selectors.price_at("openai", "one", timezone.now())
    assert found is not None
    assert found.tiers == (PriceTier(above=200_000, input=400, output=400, cache_read=400, cache_write=400),)
    assert services.plan_prices().changes == ()


def test_an_unattended_import_holds_marked_changes_back(listed: dict[str, tuple[DatedPrice, ...]]) -> None:
    listed["one"] = (price(900),)
    listed["two"] = (price(210),)

    done = services.setup_catalog()

    assert (done.prices, done.held_back) == (1, 1)
    assert rows("one") == [(100, JANUARY, None)]
    assert [amount for amount, _, _ in rows("two")] == [200, 210]


def test_the_setup_command_says_what_it_held_back(listed: dict[str, tuple[DatedPrice, ...]]) -> None:
    listed["one"] = (price(900),)
    err = StringIO()

    call_command("setup_llm_providers", stdout=StringIO(), stderr=err)

    assert err.getvalue() == ("1 prices changed by more than half and stay as they are: see frontdesk prices import\n")


def test_a_price_to_come_that_is_moved_or_withdrawn_leaves_no_gap(listed: dict[str, tuple[DatedPrice, ...]]) -> None:
    listed["one"] = (price(100), price(120, YEAR_2100))
    services.setup_catalog()
    assert rows("one") == [(100, JANUARY, YEAR_2100), (120, YEAR_2100, None)]

    listed["one"] = (price(100), price(120, YEAR_2101))
    services.setup_catalog()
    assert rows("one") == [(100, JANUARY, YEAR_2101), (120, YEAR_2101, None)]

    listed["one"] = (price(100),)
    services.setup_catalog()
    [old, new] = rows("one")
    assert (old[0], new[0], old[2] == new[1], new[2]) == (100, 100, True, None)
    assert services.plan_prices().changes == ()


def test_a_plan_that_is_out_of_date_is_refused(listed: dict[str, tuple[DatedPrice, ...]]) -> None:
    listed["one"] = (price(120),)
    plan = services.plan_prices()
    listed["one"] = (price(130),)

    with pytest.raises(ValidationError, match="nothing was imported"):
        services.import_prices(plan, with_marked=True)

    assert rows("one") == [(100, JANUARY, None)]


def test_an_import_that_breaks_off_leaves_nothing(
    listed: dict[str, tuple[DatedPrice, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed["one"] = (price(120),)
    listed["three"] = (price(300),)

    def broken(*_: object, **__: object) -> None:
        raise IntegrityError("the disk")

    monkeypatch.setattr(services.audit, "record", broken)
    with pytest.raises(IntegrityError):
        services.import_prices(services.plan_prices(), with_marked=True)

    assert rows("one") == [(100, JANUARY, None)]
    assert not LLMModel.objects.filter(name="three").exists()


def test_a_price_names_where_it_is_from_and_since_when(listed: dict[str, tuple[DatedPrice, ...]]) -> None:
    found = selectors.price_at("openai", "one", timezone.now())

    assert found is not None
    assert found.source == "list at 100, from 2026-01-01"
