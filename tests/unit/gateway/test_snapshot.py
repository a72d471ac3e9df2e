"""A model's name finds its target, or an error that says what to do."""

import pytest

from frontdesk.gateway.errors import CallerError
from frontdesk.gateway.snapshot import Model, Price, Provider, Tenant
from tests.fakes.gateway import ALICE_ID, MALLORY_ID, OPERATOR_ID, PRICE, credential, snapshot


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("gpt-4o", "openai/gpt-4o"),
        ("gpt-4", "openai/gpt-4o"),
        ("auto", "openai/gpt-4o-mini"),
        ("openai/not-in-the-catalog", "openai/not-in-the-catalog"),
        ("openai/org/with-slash", "openai/org/with-slash"),
        ("simulated/echo", "simulated/echo"),
    ],
)
def test_names_resolve(name: str, model_id: str) -> None:
    assert snapshot().resolve(ALICE_ID, name).model.id == model_id


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "",
        "echo",
        "openai/a b",
        "openai/a\r\nx: y",
        "openai/é",
        "openai/" + "x" * 201,
        "openai/",
        "/gpt-4o",
        "meta-llama/llama",
        "unknown/gpt-4o",
    ],
)
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(CallerError) as caught:
        snapshot().resolve(ALICE_ID, name)

    assert (caught.value.code, caught.value.http_status, caught.value.param) == ("model_not_found", 404, "model")


def test_a_tenants_own_key_goes_before_the_operators() -> None:
    own = snapshot().resolve(ALICE_ID, "gpt-4o").credential
    lent = snapshot().resolve(MALLORY_ID, "gpt-4o").credential

    assert own is not None and own.tenant_id == ALICE_ID
    assert lent is not None and lent.tenant_id == OPERATOR_ID


def test_another_tenants_key_is_never_used() -> None:
    groq = credential(MALLORY_ID, "groq")
    tenants = {**snapshot().tenants, MALLORY_ID: Tenant(id=MALLORY_ID, name="m", credentials={"groq": (groq,)})}
    shared = snapshot(tenants=tenants)

    assert shared.resolve(MALLORY_ID, "groq/llama").credential == groq
    with pytest.raises(CallerError) as caught:
        shared.resolve(ALICE_ID, "groq/llama")
    assert caught.value.code == "provider_not_configured"


def test_auto_prefers_the_tenants_model_then_the_operators_choice() -> None:
    tenants = {**snapshot().tenants, ALICE_ID: Tenant(id=ALICE_ID, name="a", default_model="gpt-4o")}
    chosen = snapshot(tenants=tenants, preferred_model="openai")

    assert chosen.resolve(ALICE_ID, "auto").model.id == "openai/gpt-4o"
    assert chosen.resolve(MALLORY_ID, "auto").model.id == "openai/gpt-4o-mini"


def test_auto_never_takes_the_simulated_provider() -> None:
    providers = {"simulated": snapshot().providers["simulated"]}

    with pytest.raises(CallerError) as caught:
        snapshot(providers=providers).resolve(ALICE_ID, "auto")

    assert caught.value.code == "no_provider"


def test_auto_asks_for_a_default_model_where_there_is_a_key() -> None:
    providers = {"openai": Provider(name="openai", wire="openai", base_url="http://up/v1")}

    with pytest.raises(CallerError) as caught:
        snapshot(providers=providers, models={}).resolve(ALICE_ID, "auto")

    assert caught.value.code == "no_default_model"


def test_a_tenant_that_is_not_known_yet_has_the_operators_models() -> None:
    assert snapshot().resolve(99, "auto").model.id == "openai/gpt-4o-mini"


def test_a_disabled_model_is_refused_unless_it_has_a_successor() -> None:
    limited = snapshot(
        disabled_models=frozenset({"openai/gpt-4o", "openai/gpt-4"}), aliases={"gpt-4": "openai/gpt-4o-mini"}
    )

    assert limited.resolve(ALICE_ID, "openai/gpt-4").model.id == "openai/gpt-4o-mini"
    for name in ("openai/gpt-4o", "gpt-4o"):
        with pytest.raises(CallerError) as caught:
            limited.resolve(ALICE_ID, name)
        assert (caught.value.code, caught.value.http_status) == ("model_disabled", 404)


def test_usable_models_are_listed_best_first() -> None:
    assert [model.id for model in snapshot().usable_models(ALICE_ID)] == [
        "openai/gpt-4o",
        "openai/gpt-4o-mini",
        "simulated/echo",
    ]


def test_a_cheaper_model_is_ranked_can_do_what_is_needed_and_costs_half_at_most() -> None:
    def price(factor: int) -> Price:
        return Price(
            input=PRICE.input // factor, output=PRICE.output // factor, cache_read=0, cache_write=0, source="t"
        )

    able = frozenset({"tools"})
    models = [
        Model(provider="openai", name="gpt-4o", quality_rank=1, price=PRICE, capabilities=able),
        Model(provider="openai", name="nearly-as-dear", quality_rank=2, price=price(1), capabilities=able),
        Model(provider="openai", name="no-tools", quality_rank=3, price=price(4)),
        Model(provider="openai", name="good", quality_rank=4, price=price(2), capabilities=able),
        Model(provider="openai", name="unranked", price=price(9), capabilities=able),
        Model(provider="openai", name="unpriced", quality_rank=5, capabilities=able),
        Model(provider="groq", name="no-key", quality_rank=6, price=price(9), capabilities=able),
        Model(provider="openai", name="off", quality_rank=7, price=price(9), capabilities=able),
        Model(provider="openai", name="better", quality_rank=3, price=price(3), capabilities=able),
    ]
    configured = snapshot(models={model.id: model for model in models}, disabled_models=frozenset({"openai/off"}))
    dear = configured.resolve(ALICE_ID, "openai/gpt-4o")

    assert [target.model.name for target in configured.cheaper(ALICE_ID, dear, able)] == ["better", "good"]
    assert configured.cheaper(ALICE_ID, configured.resolve(ALICE_ID, "openai/unpriced"), able) == []
