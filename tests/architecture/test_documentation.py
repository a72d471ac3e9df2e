"""Every module and every public name of the package says what it is for."""

import ast
import pathlib

import pytest

from tests.architecture import rules

UNDOCUMENTED: frozenset[str] = frozenset()
"""Names without a docstring (`path::name`). This list only shrinks."""

FILES = rules.python_files("src")


@pytest.mark.parametrize("path", FILES, ids=rules.name_of)
def test_public_names_are_documented(path: pathlib.Path) -> None:
    missing = {f"{rules.name_of(path)}::{name}" for name in rules.undocumented(rules.parse(path))}

    assert missing - UNDOCUMENTED == set()


def test_no_exception_is_kept_that_is_not_needed() -> None:
    missing = {f"{rules.name_of(path)}::{name}" for path in FILES for name in rules.undocumented(rules.parse(path))}

    assert UNDOCUMENTED - missing == set()


def test_rule_finds_modules_classes_functions_and_methods() -> None:
    text = "class A:\n    def b(self): ...\n    class Meta: ...\n    def _c(self): ...\ndef d(): ...\ndef _e(): ...\n"

    assert rules.undocumented(ast.parse(text)) == ["module", "A", "A.b", "d"]
