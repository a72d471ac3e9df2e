"""The operator's own prices: what is taken, what is refused and why."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from frontdesk.gateway.snapshot import PriceTier
from frontdesk.tenants.audit import AuditEvent
from frontdesk.usage import selectors, services
from frontdesk.usage.models import LLMModel, LLMProvider, ModelPrice
from frontdesk.usage.prices import overrides
from frontdesk.usage.prices.rates import Rate

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
NEW = (Rate(0, 1_000, 2_000, 100, 1_000),)


@pytest.fixture
def model(db: None) -> LLMModel:
    """A model with an imported price since January."""
    provider = LLMProvider.objects.create(name="openai", display_name="OpenAI", wire="openai")
    made = LLMModel.objects.create(provider=provider, name="one")
    ModelPrice.objects.create(
        model=made,
        input_nano_usd_per_mtok=500,
        output_nano_usd_per_mtok=500,
        cache_read_nano_usd_per_mtok=500,
        cache_write_nano_usd_per_mtok=500,
        source="list",
        valid_from=JANUARY,
    )
    return made


@pytest.fixture
def unpriced(model: LLMModel) -> LLMModel:
    return LLMModel.objects.create(provider=model.provider, name="two")


def input_price(name: str, at: datetime) -> int | None:
    found = selectors.price_at("openai", name, at)
    return None if found is None else found.input


def test_an_override_holds_from_now_on_and_is_recorded(model: LLMModel) -> None:
    before = timezone.now()

    row = services.override_price("openai/one", NEW)

    assert input_price("one", before - timedelta(seconds=1)) == 500
    assert input_price("one", timezone.now()) == 1_000
    assert AuditEvent.unscoped.get(action="price.set").object_id == str(row.pk)


def test_a_later_override_ends_the_one_that_runs(unpriced: LLMModel) -> None:
    services.override_price("two", NEW, begins=JANUARY)
    services.override_price("two", (Rate(0, 3_000, 3_000, 3_000, 3_000),), begins=MARCH, corrects_past=True)

    rows = ModelPrice.objects.filter(model=unpriced).order_by("valid_from").values_list("valid_from", "valid_until")
    assert list(rows) == [(JANUARY, MARCH), (MARCH, None)]


def test_the_past_of_a_model_without_a_price_may_be_filled(unpriced: LLMModel) -> None:
    services.override_price("openai/two", NEW, begins=JANUARY)

    assert input_price("two", JANUARY) == 1_000


def test_a_price_that_would_change_the_past_is_refused_with_the_way_out(model: LLMModel) -> None:
    with pytest.raises(ValidationError, match=r"begin in the past .*--backdate.*usage reprice"):
        services.override_price("openai/one", NEW, begins=MARCH)

    assert input_price("one", timezone.now()) == 500
    services.override_price("openai/one", NEW, begins=MARCH, corrects_past=True)
    assert input_price("one", MARCH) == 1_000


@pytest.mark.parametrize(("begins", "ends"), [(JANUARY, None), (MARCH, None), (JANUARY, JUNE)])
def test_an_override_that_overlaps_a_later_one_is_refused(
    unpriced: LLMModel, begins: datetime, ends: datetime | None
) -> None:
    services.override_price("two", NEW, begins=MARCH)

    with pytest.raises(ValidationError, match="overlap your price from 2026-03-01 00:00 UTC without an end"):
        services.override_price("two", NEW, begins=begins, ends=ends, corrects_past=True)

    assert ModelPrice.objects.filter(model=unpriced).count() == 1


def test_an_override_may_end_where_a_later_one_begins(unpriced: LLMModel) -> None:
    services.override_price("two", NEW, begins=MARCH)

    services.override_price("two", NEW, begins=JANUARY, ends=MARCH, corrects_past=True)

    assert ModelPrice.objects.filter(model=unpriced).count() == 2


def test_an_end_before_the_beginning_is_refused(unpriced: LLMModel) -> None:
    with pytest.raises(ValidationError, match="must end after it begins"):
        services.override_price("two", NEW, begins=MARCH, ends=JANUARY)


def test_a_model_that_the_catalog_does_not_list_can_be_priced(model: LLMModel) -> None:
    services.override_price("openai/brand-new", NEW)

    assert input_price("brand-new", timezone.now()) == 1_000


@pytest.mark.parametrize("name", ["nobody/one", "three", "", "openai/", "openai/a b"])
def test_what_is_no_model_is_refused(model: LLMModel, name: str) -> None:
    with pytest.raises(ValidationError, match="there is no model"):
        services.override_price(name, NEW)

    assert LLMModel.objects.count() == 1


def test_a_name_that_several_providers_have_is_asked_for_in_full(model: LLMModel) -> None:
    other = LLMProvider.objects.create(name="azure", display_name="Azure", wire="openai")
    LLMModel.objects.create(provider=other, name="one")

    with pytest.raises(ValidationError, match="say which of azure/one, openai/one"):
        selectors.find_model("one")


def test_tiers_are_stored_in_order_and_bill_long_prompts(unpriced: LLMModel) -> None:
    new = overrides.with_tiers(
        overrides.rate(0, ["1", "2"]), [overrides.tier("200000=3,4,0.3,5"), overrides.tier("100000=2,3")]
    )

    services.override_price("two", new)

    found = selectors.price_at("openai", "two", timezone.now())
    assert found is not None
    usd = 1_000_000_000
    assert found.tiers == (
        PriceTier(above=100_000, input=2 * usd, output=3 * usd, cache_read=2 * usd, cache_write=2 * usd),
        PriceTier(above=200_000, input=3 * usd, output=4 * usd, cache_read=usd * 3 // 10, cache_write=5 * usd),
    )


@pytest.mark.parametrize(
    "text", ["", "-1", "nan", "Infinity", "1e9", "100001", "0.0000000001", "1,5", "cheap", "1e-999999999", "9" * 5000]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="USD per million tokens"):
        overrides.amount(text)


@pytest.mark.parametrize(("text", "nano"), [("0", 0), ("0.15", 150_000_000), ("1e-9", 1), ("100000", 10**14)])
def test_amounts_are_exact(text: str, nano: int) -> None:
    assert overrides.amount(text) == nano


@pytest.mark.parametrize(
    "text", ["", "200000", "200000=", "200000=1", "0=1,2", "-5=1,2", "x=1,2", "1=1,2,3,4,5", "9" * 999]
)
def test_what_is_no_tier_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        overrides.tier(text)


def test_two_tiers_of_one_length_are_refused() -> None:
    with pytest.raises(ValidationError, match="different lengths"):
        overrides.with_tiers(NEW[0], [overrides.tier("5=1,2"), overrides.tier("5=2,3")])
