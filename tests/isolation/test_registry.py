"""Every operation has its case, and every case an operation that is there."""

from frontdesk.server.app import Application
from tests.isolation import cases, operations


def test_every_operation_has_a_case():
    missing = sorted(set(operations.all_operations()) - set(cases.ALL_CASES))

    assert missing == [], "an operation without an isolation case: add it to tests/isolation/cases.py"


def test_every_case_has_an_operation():
    assert sorted(set(cases.ALL_CASES) - set(operations.all_operations())) == []


def test_no_operation_is_named_twice():
    assert len(cases.ALL_CASES) == len(set(cases.ALL_CASES))


def test_raw_routes_are_found():
    found = list(operations.raw_operations())

    assert f"{operations.RAW}/v1/chat/completions" in found
    assert {f"{cases.WIDGET_PATH}message", f"{cases.WIDGET_PATH}config"} <= set(found)
    assert hasattr(Application, "_mount")
