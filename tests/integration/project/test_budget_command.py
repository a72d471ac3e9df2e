"""`frontdesk budget`: what it shows, sets, gives back and refuses."""

import json
from datetime import UTC, datetime

import pytest

from frontdesk.channels.models import Widget
from frontdesk.gateway.budgets import calendar
from frontdesk.gateway.budgets.calendar import SECOND_NS
from frontdesk.project import cli
from frontdesk.tenants.models import Tenant
from frontdesk.usage.models import Budget, BudgetCounter, BudgetCredit

pytestmark = pytest.mark.django_db

SET = ["--scope", "widget", "--unit", "requests", "--window", "month"]


@pytest.fixture
def run(capsys):
    """Run a command; gives exit code, standard output and standard error."""

    def _run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = cli.main(arguments)
        except SystemExit as leaving:
            code = leaving.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return _run


@pytest.fixture
def widget(alice_tenant: Tenant) -> Widget:
    return Widget.objects.create(tenant=alice_tenant, name="Shop")


def spend_this_month(widget: Widget, requests: int) -> None:
    period = calendar.current("UTC", "month", int(datetime.now(UTC).timestamp()) * SECOND_NS)
    BudgetCounter.unscoped.create(
        tenant_id=widget.tenant_id, scope="widget", owner=str(widget.pk), window="month", zone="UTC",
        starts_at=datetime.fromtimestamp(period.start_s, UTC), ends_at=datetime.fromtimestamp(period.end_s, UTC),
        requests=requests,
    )  # fmt: skip


def of_month(out: str) -> dict[str, object]:
    [row] = [row for row in json.loads(out) if (row["unit"], row["window"]) == ("requests", "month")]
    return row


def test_a_limit_is_set_shown_spent_and_given_back(run, widget: Widget) -> None:
    code, out, _ = run("budget", "set", "alice", *SET, "--limit", "3", "--notice", "Enough.", "--json")
    assert code == 0
    assert json.loads(out) == {
        "tenant_id": widget.tenant_id, "scope": "widget", "owner": "*", "unit": "requests", "window": "month",
        "limit": 3, "policy": "as usual", "notice": "Enough.",
    }  # fmt: skip
    spend_this_month(widget, 3)

    row = of_month(run("budget", "show", "alice", "--json")[1])
    assert (row["limit"], row["used"], row["left"], row["owner"], row["owner_name"]) == (
        3,
        3,
        0,
        str(widget.pk),
        "Shop",
    )
    assert (row["policy"], row["notice"]) == ("knowledge", "Enough.")

    code, out, _ = run("budget", "reset", "alice", "--scope", "widget", "--json")
    assert code == 0
    assert of_month(out)["given_back"] == 3
    row = of_month(run("budget", "show", "alice", "--json")[1])
    assert (row["used"], row["left"], row["given_back"]) == (0, 3, 3)


def test_money_is_set_in_usd(run, alice_tenant: Tenant) -> None:
    code, out, _ = run(
        "budget", "set", "alice", "--scope", "tenant", "--unit", "usd", "--window", "day", "--limit", "2.50", "--json"
    )

    assert (code, json.loads(out)["limit"]) == (0, 2.5)
    [row] = Budget.objects.for_tenant(alice_tenant)
    assert row.limit == 2_500_000_000
    code, out, _ = run("budget", "show", "alice")
    assert code == 0
    assert out.splitlines()[1].split()[:6] == ["tenant", str(alice_tenant.pk), "Alice's", "Flowers", "usd", "day"]


def test_a_lifted_limit_is_shown_no_more(run, widget: Widget) -> None:
    assert run("budget", "set", "alice", *SET, "--limit", "none", "--json")[0] == 0

    rows = json.loads(run("budget", "show", "alice", "--json")[1])
    assert ("requests", "month") not in {(row["unit"], row["window"]) for row in rows}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*SET, "--limit", "-1"], "not a limit"),
        ([*SET, "--limit", "nan"], "not a limit"),
        ([*SET, "--limit", "1.5"], "whole numbers"),
        ([*SET, "--limit", "9007199254740993"], "at most"),
        (["--scope", "galaxy", "--unit", "requests", "--window", "day", "--limit", "1"], "no scope"),
        (["--scope", "widget", "--unit", "pages", "--window", "day", "--limit", "1"], "no unit"),
        (["--scope", "widget", "--unit", "requests", "--window", "0", "--limit", "1"], "no window"),
        ([*SET, "--limit", "1", "--policy", "shrug"], "no policy"),
        ([*SET, "--limit", "1", "--owner", "999999"], "no widget"),
        (["--scope", "global", "--unit", "usd", "--window", "day", "--limit", "1"], "operator"),
        ([*SET], "--limit"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(run, widget: Widget, arguments: list[str], said: str) -> None:
    code, out, err = run("budget", "set", "alice", *arguments)

    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1
    assert not Budget.objects.across_tenants().exists()


def test_nobody_limits_or_resets_anothers_widget(run, widget: Widget, mallory_tenant: Tenant) -> None:
    spend_this_month(widget, 3)

    for command in (["set", "mallory", *SET, "--limit", "0"], ["reset", "mallory", "--scope", "widget"]):
        assert run("budget", *command, "--owner", str(widget.pk))[0] == 2
    assert run("budget", "reset", "mallory")[0] == 0
    assert not Budget.objects.across_tenants().exists()
    assert not BudgetCredit.objects.exists()


def test_an_unknown_tenant_is_refused(run, db: None) -> None:
    for command in (["show", "nobody"], ["reset", "nobody"], ["set", "nobody", *SET, "--limit", "1"]):
        code, _, err = run("budget", *command)
        assert code == 2
        assert "no tenant" in err


def test_a_free_tier_is_applied_by_its_name(run, db: None) -> None:
    run("migrate")
    code, out, _ = run("budget", "preset", "groq", "--json")

    assert code == 0
    assert [(row["owner"], row["unit"], row["window"], row["limit"]) for row in json.loads(out)] == [
        ("groq", "requests", "minute", 30), ("groq", "requests", "day", 14_400),
    ]  # fmt: skip
    code, _, err = run("budget", "preset", "acme")
    assert code == 2
    assert "gemini, groq" in err


def test_what_was_set_is_undone(run, widget: Widget) -> None:
    run("budget", "set", "alice", *SET, "--limit", "3")

    assert run("budget", "set", "alice", *SET, "--limit", "usual")[1] == "the usual limit holds again\n"
    assert not Budget.objects.for_tenant(widget.tenant_id).exists()
    assert json.loads(run("budget", "set", "alice", *SET, "--limit", "usual", "--json")[1]) == {"was_set": False}
    assert of_month(run("budget", "show", "alice", "--json")[1])["limit"] == 1000
