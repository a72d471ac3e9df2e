"""Names say what is inside: nothing is called by a word that fits everything."""

import ast
import pathlib

import pytest

from tests.architecture import rules

SOURCES = [
    path for path in rules.tracked_files() if path.suffix in (".py", ".ts", ".js", ".css", ".html", ".sh", ".mjs")
]


NOT_OURS_TO_NAME = ("/templates/unfold/", "/templates/admin/")
"""Folders whose files take the place of a library's, and so have its names."""


def test_no_file_or_folder_has_an_empty_name() -> None:
    ours = [path for path in SOURCES if not any(folder in rules.name_of(path) for folder in NOT_OURS_TO_NAME)]
    empty = {rules.name_of(path): words for path in ours if (words := rules.empty_names(rules.name_of(path)))}

    assert empty == {}


@pytest.mark.parametrize("path", rules.python_files("src", "tests", "benches"), ids=rules.name_of)
def test_no_class_or_function_has_an_empty_name(path: pathlib.Path) -> None:
    empty = [name for name in rules.defined_names(rules.parse(path)) if rules.empty_names(name)]

    assert empty == []


@pytest.mark.parametrize("name", ["utils.py", "http_helpers.py", "CommonThings", "misc/x.py", "DBUtil", "my_util"])
def test_rule_finds_empty_names(name: str) -> None:
    assert rules.empty_names(name) != []


@pytest.mark.parametrize("name", ["utilisation.py", "Commonwealth", "miscount", "knowledge/index.py"])
def test_rule_lets_other_words_pass(name: str) -> None:
    assert rules.empty_names(name) == []


def test_rule_sees_nested_definitions() -> None:
    tree = ast.parse("class A:\n    async def b(self):\n        def c(): ...\n")

    assert list(rules.defined_names(tree)) == ["A", "b", "c"]
