"""`frontdesk prices`, `usage audit` and `usage reprice`: what they print, ask, refuse and leave alone."""

import io
import json

import pytest

from frontdesk.project import cli
from frontdesk.usage import price_list, services
from frontdesk.usage.models import LLMModel, LLMProvider, ModelPrice
from frontdesk.usage.price_list import BEGINNING, DatedPrice, ListedModel
from tests.integration.usage.priced_calls import RIGHT_COST, call, costs, price_of_mini, store

pytestmark = pytest.mark.django_db

USD = 1_000_000_000


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command without a terminal; gives exit code, standard output and standard error."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    def _run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = cli.main(arguments)
        except SystemExit as leaving:
            code = leaving.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return _run


@pytest.fixture
def listed(monkeypatch) -> dict[str, DatedPrice]:
    """A price list of openai's that was imported once."""
    prices = {
        "one": DatedPrice(BEGINNING, USD, 4 * USD, USD, USD, "list 1"),
        "two": DatedPrice(BEGINNING, USD, USD, USD, USD, "list 1"),
    }
    monkeypatch.setattr(
        price_list,
        "models_of",
        lambda name: (
            [ListedModel(model, 1_000, (price,)) for model, price in prices.items()] if name == "openai" else []
        ),
    )
    services.setup_catalog()
    return prices


def amounts(model: str) -> list[int]:
    rows = ModelPrice.objects.filter(model__name=model).order_by("valid_from")
    return [row.input_nano_usd_per_mtok for row in rows]


class Terminal(io.StringIO):
    """A person who types."""

    def isatty(self) -> bool:
        return True


def test_an_import_shows_old_and_new_and_asks_for_yes(run, listed):
    listed["one"] = DatedPrice(BEGINNING, USD * 12 // 10, 4 * USD, USD, USD, "list 2")

    code, out, err = run("prices", "import")

    assert code == 2
    assert "openai/one  1 / 4 (1, 1)  1.2 / 4 (1, 1)  +20.0 %" in out
    assert "say --yes" in err
    assert amounts("one") == [USD]


def test_a_dry_run_changes_nothing_and_needs_no_answer(run, listed):
    listed["one"] = DatedPrice(BEGINNING, 3 * USD, 4 * USD, USD, USD, "list 2")

    code, out, _ = run("prices", "import", "--dry-run")

    assert (code, amounts("one")) == (0, [USD])
    assert "changed !" in out
    assert out.endswith("nothing was changed (--dry-run)\n")


def test_yes_takes_marked_changes_too_and_again_is_nothing(run, listed):
    listed["one"] = DatedPrice(BEGINNING, 3 * USD, 4 * USD, USD, USD, "list 2")

    code, out, _ = run("prices", "import", "--yes", "--json")

    assert code == 0
    assert json.loads(out)["imported"] == 1
    assert amounts("one") == [USD, 3 * USD]
    assert run("prices", "import", "--yes") == (0, "the prices are up to date\n", "")


def test_a_yes_at_the_terminal_leaves_marked_changes(run, listed, monkeypatch):
    listed["one"] = DatedPrice(BEGINNING, 3 * USD, 4 * USD, USD, USD, "list 2")
    listed["two"] = DatedPrice(BEGINNING, USD * 11 // 10, USD, USD, USD, "list 2")
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))

    code, out, err = run("prices", "import")

    assert code == 0
    assert "Take over 1 prices? The 1 marked ones stay as they are without --yes. [y/N]" in err
    assert (amounts("one"), amounts("two")) == ([USD], [USD, USD * 11 // 10])
    assert out.endswith("1 prices imported\n")


def test_no_is_the_answer_of_who_says_nothing(run, listed, monkeypatch):
    listed["two"] = DatedPrice(BEGINNING, USD * 11 // 10, USD, USD, USD, "list 2")
    monkeypatch.setattr("sys.stdin", Terminal("\n"))

    _, out, _ = run("prices", "import")

    assert out.endswith("nothing was changed\n")
    assert amounts("two") == [USD]


def test_a_price_of_ones_own_is_set_and_shown(run, listed):
    code, out, _ = run(
        "prices", "set", "openai/one", "--input", "0.5", "--output", "2", "--tier", "200000=1,3", "--json"
    )
    assert (code, json.loads(out)["tiers"]) == (
        0,
        [{"above": 200_000, "input": "1", "output": "3", "cache_read": "1", "cache_write": "1"}],
    )

    [own, imported] = json.loads(run("prices", "show", "openai/one", "--json")[1])["prices"]

    assert (own["in_force"], own["kind"], own["input"], own["output"]) == (True, "override", "0.5", "2")
    assert own["source"].startswith("operator, from 20")
    assert (imported["in_force"], imported["kind"]) == (False, "import")
    assert imported["source"].startswith("list 1, imported 20")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["openai/one", "--input", "-1", "--output", "1"], "from 0 to 100,000"),
        (["openai/one", "--input", "nan", "--output", "1"], "USD per million tokens"),
        (["openai/one", "--input", "1", "--output", "1", "--from", "2026-02-30"], "is not a date"),
        (["openai/one", "--input", "1", "--output", "1", "--from", "2026-01-01"], "--backdate"),
        (["openai/one", "--input", "1", "--output", "1", "--tier", "x"], "is no tier"),
        (["nobody/one", "--input", "1", "--output", "1"], "there is no model"),
    ],
)
def test_a_faulty_price_is_refused_in_one_line(run, listed, arguments, words):
    code, out, err = run("prices", "set", *arguments)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert not ModelPrice.objects.filter(is_override=True).exists()


def test_an_audit_of_a_clean_ledger_ends_with_0(run):
    price_of_mini()
    store(call(1))

    assert run("usage", "audit") == (
        0,
        "1 calls, 0.000042000 USD; 0 were cut short, 0 have estimated tokens\nnothing to report\n",
        "",
    )


def test_an_audit_that_finds_something_ends_with_1_and_says_what_to_do(run):
    price_of_mini()
    store(call(1, cost=RIGHT_COST + 1_000), call(2, cost=None, model="new"))

    code, out, _ = run("usage", "audit")

    assert code == 1
    assert "unpriced_models: 1 calls with tokens to models without a price\n  openai/new: 1 calls, 150 tokens\n" in out
    assert "openai/gpt-4o-mini: 1 calls, -0.000001000 USD" in out
    assert "what to do: look at frontdesk prices show MODEL" in out
    report = json.loads(run("usage", "audit", "--json")[1])
    assert (report["is_clean"], report["calls"]) == (False, 2)
    assert [finding["kind"] for finding in report["findings"]] == ["unpriced_models", "cost_differs"]


def test_repricing_shows_the_sums_and_asks_for_yes(run):
    price_of_mini()
    store(call(1, cost=None))

    code, out, err = run("usage", "reprice", "--unpriced")

    assert code == 2
    assert "openai/gpt-4o-mini  1      1        0.000000000  0.000042000  0" in out
    assert "say --yes" in err
    assert costs() == [None]


def test_repricing_is_done_with_yes_and_not_by_a_dry_run(run):
    price_of_mini()
    store(call(1, cost=None))
    assert json.loads(run("usage", "reprice", "--unpriced", "--dry-run", "--yes", "--json")[1])["is_applied"] is False
    assert costs() == [None]

    code, out, _ = run("usage", "reprice", "--unpriced", "--yes", "--json")

    assert (code, costs()) == (0, [RIGHT_COST])
    assert json.loads(out) == {
        "is_applied": True,
        "changed": 1,
        "difference_nano_usd": RIGHT_COST,
        "models": [
            {
                "model": "openai/gpt-4o-mini",
                "calls": 1,
                "changed": 1,
                "before_nano_usd": 0,
                "after_nano_usd": RIGHT_COST,
                "without_price": 0,
            }
        ],
    }


@pytest.mark.parametrize("arguments", [[], ["--model", "one", "--unpriced"], ["--model", "nothing"]])
def test_repricing_must_be_told_which_calls(run, arguments):
    code, out, err = run("usage", "reprice", *arguments)

    assert (code, out, err.count("\n")) == (2, "", 1)


def test_a_model_new_to_the_catalog_is_priced_and_its_calls_with_it(run):
    price_of_mini()
    store(call(1, cost=None, model="brand-new"))

    run(
        "prices",
        "set",
        "openai/brand-new",
        "--input",
        "0.15",
        "--output",
        "0.6",
        "--cache-read",
        "0.075",
        "--from",
        "2026-01-01",
    )
    run("usage", "reprice", "--unpriced", "--yes")

    assert costs() == [RIGHT_COST]
    assert LLMModel.objects.get(name="brand-new").provider == LLMProvider.objects.get(name="openai")
    assert run("usage", "audit")[0] == 0
