"""The catalog: filled once, brought up to date without touching what the operator set, read into the Snapshot."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import timezone

from frontdesk.gateway.providers import catalog
from frontdesk.gateway.snapshot import Price
from frontdesk.tenants.tenancy import current_version
from frontdesk.usage import price_list, selectors, services, snapshot
from frontdesk.usage.models import LLMModel, LLMProvider, ModelAlias, ModelPrice
from frontdesk.usage.price_list import DatedPrice, ListedModel
from frontdesk.usage.services import CatalogChanges

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
YEAR_2100 = datetime(2100, 1, 1, tzinfo=UTC)


def price(amount: int, since: datetime = JANUARY) -> DatedPrice:
    return DatedPrice(since, amount, 4 * amount, amount // 2, amount, f"list at {amount}")


@pytest.fixture
def small_list(db: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[DatedPrice, ...]]:
    """A catalog of one provider with the models and prices of the dictionary given."""
    listed = {"one": (price(100),), "two": (price(200), price(220, MARCH))}
    monkeypatch.setattr(
        price_list,
        "models_of",
        lambda name: [ListedModel(model, 1_000, prices) for model, prices in listed.items()] if name else [],
    )
    monkeypatch.setattr(catalog, "PROVIDERS", (catalog.PROVIDERS[0], catalog.PROVIDERS[-1]))
    monkeypatch.setattr(catalog, "MODELS", (catalog.SIMULATED_MODEL,))
    monkeypatch.setattr(catalog, "RETIRED", ())
    monkeypatch.setattr(catalog, "ALIASES", (("uno", "openai/one", "test"), ("c", "cohere/command", "test")))
    return listed


def imported(model: str) -> list[tuple[int, datetime, datetime | None]]:
    rows = ModelPrice.objects.filter(model__name=model, is_override=False).order_by("valid_from")
    return [(row.input_nano_usd_per_mtok, row.valid_from, row.valid_until) for row in rows]


def test_the_first_import_brings_all_and_the_second_nothing(small_list: object) -> None:
    assert services.setup_catalog() == CatalogChanges(providers=2, models=3, prices=4, aliases=2)
    version = current_version()

    assert services.setup_catalog() == CatalogChanges(providers=0, models=0, prices=0, aliases=0)
    assert current_version() == version
    assert imported("two") == [(200, JANUARY, MARCH), (220, MARCH, None)]


def test_a_new_price_with_a_date_to_come_ends_the_old_one_on_that_date(
    small_list: dict[str, tuple[DatedPrice, ...]],
) -> None:
    services.setup_catalog()
    small_list["one"] = (price(100), price(90, YEAR_2100))

    assert services.setup_catalog().prices == 1

    assert imported("one") == [(100, JANUARY, YEAR_2100), (90, YEAR_2100, None)]
    assert services.setup_catalog().prices == 0


def test_a_correction_without_a_date_holds_from_now_on_and_rewrites_no_history(
    small_list: dict[str, tuple[DatedPrice, ...]],
) -> None:
    services.setup_catalog()
    small_list["one"] = (price(95),)
    before = timezone.now()

    services.setup_catalog()

    [old, new] = imported("one")
    assert (old[0], old[1], new[0], new[2]) == (100, JANUARY, 95, None)
    assert old[2] == new[1]
    assert before <= new[1] <= timezone.now()


def test_what_the_operator_set_survives_every_import(small_list: dict[str, tuple[DatedPrice, ...]]) -> None:
    services.setup_catalog()
    LLMProvider.objects.filter(name="openai").update(base_url="http://proxy.internal/v1")
    LLMModel.objects.filter(name="two").update(is_enabled=False, quality_rank=3)
    ModelAlias.objects.filter(name="uno").update(target="openai/two")
    ModelPrice.objects.create(
        model=LLMModel.objects.get(name="one"),
        input_nano_usd_per_mtok=1,
        output_nano_usd_per_mtok=2,
        cache_read_nano_usd_per_mtok=3,
        cache_write_nano_usd_per_mtok=4,
        source="our contract",
        valid_from=JANUARY,
        is_override=True,
    )
    small_list["one"] = (price(77),)

    services.setup_catalog()
    section = snapshot.section()

    assert section.providers["openai"].base_url == "http://proxy.internal/v1"
    assert "openai/two" not in section.models
    assert section.aliases == {"uno": "openai/two"}
    assert section.models["openai/one"].price == Price(
        input=1,
        output=2,
        cache_read=3,
        cache_write=4,
        source="our contract, from 2026-01-01",
        valid_from_ns=1_767_225_600_000_000_000,
    )


def test_the_section_takes_the_price_of_the_day(small_list: object) -> None:
    services.setup_catalog()

    def input_price(at: datetime) -> int | None:
        found = snapshot.section(at).models["openai/two"].price
        return None if found is None else found.input

    assert [input_price(at) for at in (JANUARY - timedelta(1), JANUARY, MARCH - timedelta(1), MARCH)] == [
        None,
        200,
        200,
        220,
    ]
    assert selectors.price_at("openai", "two", JANUARY) == Price(
        input=200,
        output=800,
        cache_read=100,
        cache_write=200,
        source="list at 200, from 2026-01-01",
        valid_from_ns=1767225600 * 10**9,
    )
    assert selectors.price_at("openai", "unheard-of", MARCH) is None


def test_what_is_disabled_or_cannot_be_spoken_is_not_offered(small_list: object) -> None:
    services.setup_catalog()
    LLMProvider.objects.create(name="cohere", display_name="Cohere", wire="cohere")

    section = snapshot.section()

    assert sorted(section.providers) == ["openai", "simulated"]
    assert sorted(section.models) == ["openai/one", "openai/two", "simulated/echo"]
    assert section.aliases == {"uno": "openai/one"}
    assert sorted(snapshot.section(wires=frozenset({"cohere"})).providers) == ["cohere"]
    LLMProvider.objects.filter(name="openai").update(is_enabled=False)
    assert sorted(snapshot.section().models) == ["simulated/echo"]


def test_the_real_catalog_is_sound(db: None) -> None:
    out = StringIO()
    call_command("setup_llm_providers", stdout=out)
    assert out.getvalue().startswith("Added 12 providers, ")
    section = snapshot.section()

    mini = section.models["openai/gpt-4o-mini"]
    assert mini.price is not None
    assert (mini.price.input, mini.price.output, mini.price.cache_read) == (150_000_000, 600_000_000, 75_000_000)
    assert (mini.context_window, mini.max_output_tokens) == (128_000, 16_384)
    simulated = section.models["simulated/echo"]
    assert simulated.price is not None
    assert simulated.price.source.startswith("simulated, imported 20")
    assert (simulated.price.input, simulated.price.output) == (0, 0)
    assert [alias for alias, target in section.aliases.items() if target not in section.models] == []
    assert [alias for alias in section.aliases if f"openai/{alias}" in section.models] == []
    defaults = [f"{row.name}/{row.default_model}" for row in section.providers.values() if row.default_model]
    assert [name for name in defaults if name not in section.models] == []
    assert {row.wire for row in section.providers.values()} == catalog.IMPLEMENTED_WIRES
    openai_wires = [row.base_url for row in section.providers.values() if row.wire == "openai"]
    assert [url for url in openai_wires if not url.endswith("/v1")] == []
    assert ModelPrice.objects.filter(valid_until=None).values("model").distinct().count() == (
        ModelPrice.objects.filter(valid_until=None).count()
    )


def test_the_names_of_the_source_documents_lead_to_a_model(db: None) -> None:
    services.setup_catalog()
    named = {row.name for row in LLMModel.objects.all()} | {row.name for row in ModelAlias.objects.all()}

    documents = {
        "gpt-4o", "gpt-3.5-turbo", "gpt-4", "o1-preview", "gemini-pro", "gemini-1.5-pro", "gemini-1.5-flash",
        "mixtral-8x7b-32768", "llama3-70b", "claude-3-haiku-20240307",
    }  # fmt: skip
    assert documents - named == set()


def test_an_operator_adds_a_provider_of_their_own(db: None) -> None:
    services.add_provider("house", wire="openai", base_url="http://127.0.0.1:8080/v1/", default_model="llama")
    services.add_provider("house", wire="openai", base_url="http://127.0.0.1:9090/v1")

    row = snapshot.section().providers["house"]
    assert (row.base_url, row.default_model, row.wire) == ("http://127.0.0.1:9090/v1", "llama", "openai")


@pytest.mark.parametrize(
    ("name", "wire", "message"),
    [("house", "smoke-signals", "use one of openai, simulated"), ("a/b", "openai", "slug"), ("", "openai", "blank")],
)
def test_a_provider_that_could_not_work_is_refused(db: None, name: str, wire: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        services.add_provider(name, wire=wire, base_url="http://127.0.0.1/v1")

    assert LLMProvider.objects.count() == 0
