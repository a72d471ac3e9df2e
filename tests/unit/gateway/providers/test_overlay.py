"""What the environment lays over the catalog, and what it leaves."""

from frontdesk.gateway.providers.overlay import ProviderOverlay, lay_over
from frontdesk.gateway.snapshot import Model, Price, Provider

PRICE = Price(input=1, output=2, cache_read=3, cache_write=4, source="list")
OPENAI = Provider(name="openai", wire="openai", base_url="https://api.openai.com/v1", default_model="small")
GROQ = Provider(name="groq", wire="openai", base_url="https://api.groq.com/v1")
SMALL = Model(provider="openai", name="small", price=PRICE)
LARGE = Model(provider="openai", name="large", price=PRICE)
PROVIDERS = {"openai": OPENAI, "groq": GROQ}
MODELS = {SMALL.id: SMALL, LARGE.id: LARGE}


def test_nothing_laid_over_changes_nothing():
    assert lay_over(PROVIDERS, MODELS, ()) == (PROVIDERS, MODELS)


def test_default_model_and_its_price_are_replaced_and_the_rest_is_kept():
    overlay = ProviderOverlay(name="openai", default_model="large", nano_usd_per_mtok=2_000_000_000)

    providers, models = lay_over(PROVIDERS, MODELS, [overlay])

    assert (providers["openai"].default_model, providers["openai"].base_url) == ("large", OPENAI.base_url)
    price = models["openai/large"].price
    assert (price.input, price.output, price.cache_read, price.cache_write) == (2_000_000_000,) * 4
    assert price.source == "LLM_PROVIDERS"
    assert models["openai/small"] is SMALL
    assert providers["groq"] is GROQ
    assert MODELS["openai/large"] is LARGE


def test_price_without_a_model_is_that_of_the_catalogs_default():
    _, models = lay_over(PROVIDERS, MODELS, [ProviderOverlay(name="openai", nano_usd_per_mtok=7)])

    assert (models["openai/small"].price.input, models["openai/large"].price) == (7, PRICE)


def test_address_of_a_known_provider_stays():
    providers, _ = lay_over(PROVIDERS, MODELS, [ProviderOverlay(name="openai", base_url="https://elsewhere.example")])

    assert providers["openai"].base_url == OPENAI.base_url


def test_new_provider_joins_with_its_model():
    overlay = ProviderOverlay(
        name="acme", wire="openai", base_url="http://acme:1/v1", default_model="big", nano_usd_per_mtok=5
    )

    providers, models = lay_over(PROVIDERS, MODELS, [overlay])

    assert providers["acme"] == Provider(name="acme", wire="openai", base_url="http://acme:1/v1", default_model="big")
    assert models["acme/big"].price.output == 5


def test_provider_that_is_switched_off_goes_with_its_models():
    providers, models = lay_over(PROVIDERS, MODELS, [ProviderOverlay(name="openai", is_enabled=False)])

    assert (list(providers), models) == (["groq"], {})


def test_provider_that_the_catalog_has_switched_off_stays_off():
    providers, _ = lay_over(PROVIDERS, MODELS, [ProviderOverlay(name="mistral", default_model="x")])

    assert providers == PROVIDERS
