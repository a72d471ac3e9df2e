"""Files and functions stay small enough to be read at once."""

import ast
import pathlib

import pytest

from tests.architecture import rules

LONG_FILES: dict[str, int] = {}
"""Files that may be longer, with their limit. This list only shrinks: split the file instead of adding to it."""

LONG_FUNCTIONS: dict[str, int] = {}
"""Functions that may be longer (`path::qualified.name`), with their limit. This list only shrinks."""

FILES = rules.python_files("src", "tests", "benches")


@pytest.mark.parametrize("path", FILES, ids=rules.name_of)
def test_file_is_not_too_long(path: pathlib.Path) -> None:
    lines = rules.lines_of(path.read_text(encoding="utf-8"))

    assert lines <= LONG_FILES.get(rules.name_of(path), rules.LONGEST_FILE)


@pytest.mark.parametrize("path", FILES, ids=rules.name_of)
def test_functions_are_not_too_long(path: pathlib.Path) -> None:
    too_long = {
        name: lines
        for name, lines in rules.function_lengths(rules.parse(path))
        if lines > LONG_FUNCTIONS.get(f"{rules.name_of(path)}::{name}", rules.LONGEST_FUNCTION)
    }

    assert too_long == {}


def test_no_exception_is_kept_that_is_not_needed() -> None:
    needed_files = {rules.name_of(path): rules.lines_of(path.read_text(encoding="utf-8")) for path in FILES}
    needed_functions = {
        f"{rules.name_of(path)}::{name}": lines
        for path in FILES
        for name, lines in rules.function_lengths(rules.parse(path))
    }

    assert {name for name in LONG_FILES if needed_files.get(name, 0) <= rules.LONGEST_FILE} == set()
    assert {name for name in LONG_FUNCTIONS if needed_functions.get(name, 0) <= rules.LONGEST_FUNCTION} == set()


def test_length_counts_the_body_and_not_the_docstring() -> None:
    body = "\n".join(["    x = 1"] * 61)
    tree = ast.parse(f'class A:\n  def short(self):\n    """One.\n\n    Two."""\n    return 1\n\ndef long():\n{body}\n')

    assert dict(rules.function_lengths(tree)) == {"A.short": 2, "long": 62}
