"""What a model without a price is reckoned at."""

from frontdesk.gateway.budgets.likeness import Likeness
from frontdesk.gateway.snapshot import Model, Price
from tests.fakes.gateway import ALICE_ID, snapshot


def price(output: int) -> Price:
    return Price(input=1, output=output, cache_read=0, cache_write=0, source="t")


MODELS = [Model(provider="openai", name=name, price=price(output)) for name, output in (("a", 9), ("a-b", 2), ("c", 5))]
CATALOG = snapshot(models={model.id: model for model in MODELS})


def output_price(name: str) -> int:
    found = Likeness().price(CATALOG, CATALOG.resolve(ALICE_ID, f"openai/{name}"))
    assert found is not None
    return found.output


def test_a_later_version_costs_what_the_model_does_whose_name_it_begins_with() -> None:
    assert output_price("a-2031") == 9
    assert output_price("a-b-2031") == 2


def test_a_model_unlike_any_other_costs_a_middling_price() -> None:
    assert output_price("zzz") == 5


def test_where_nothing_has_a_price_nothing_is_reckoned() -> None:
    free = snapshot(models={})

    assert Likeness().price(free, free.resolve(ALICE_ID, "openai/own")) is None


def test_a_new_snapshot_is_looked_at_anew() -> None:
    likeness = Likeness()
    likeness.price(CATALOG, CATALOG.resolve(ALICE_ID, "openai/a-2031"))
    free = snapshot(models={})

    assert likeness.price(free, free.resolve(ALICE_ID, "openai/a-2031")) is None
