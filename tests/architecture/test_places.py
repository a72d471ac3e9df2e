"""The repository knows no machine but the reader's: no local paths, no registry hosts, lock files without addresses."""

import os
import pathlib

import pytest

from tests.architecture import rules

_TEXT = (
    ".py",
    ".toml",
    ".md",
    ".txt",
    ".lock",
    ".json",
    ".ts",
    ".js",
    ".mjs",
    ".css",
    ".html",
    ".yml",
    ".yaml",
    ".sh",
    ".lua",
)
_INDEX_VARIABLES = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
)
LOCKS = [
    path
    for path in rules.tracked_files()
    if path.name in ("requirements.lock", "requirements-test.lock", "package-lock.json")
]


def _own_places() -> tuple[str, ...]:
    """Tell what must not be in the repository because it is true of this machine alone."""
    places = {str(rules.ROOT)}
    home = str(pathlib.Path.home())
    if home.count("/") > 1:
        places.add(home)
    for name in _INDEX_VARIABLES:
        places.update(os.environ.get(name, "").split())
    return tuple(place for place in places if len(place) > 4)


def _text_files() -> list[pathlib.Path]:
    def is_text(path: pathlib.Path) -> bool:
        return path.suffix in _TEXT or path.suffix == "" or path.parts[-2] == ".ci"

    return [path for path in rules.tracked_files() if is_text(path) and path != pathlib.Path(__file__)]


def test_no_file_names_a_place_of_somebodys_machine() -> None:
    found = {
        rules.name_of(path): places
        for path in _text_files()
        if (places := rules.local_places(path.read_text(encoding="utf-8", errors="replace"), _own_places()))
    }

    assert found == {}


def test_lock_files_are_there() -> None:
    names = {rules.name_of(path) for path in LOCKS}

    assert {"requirements.lock", "requirements-test.lock", "widget/package-lock.json"} <= names


@pytest.mark.parametrize("path", LOCKS, ids=rules.name_of)
def test_lock_file_has_no_address(path: pathlib.Path) -> None:
    assert rules.lock_addresses(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [path for path in LOCKS if path.suffix == ".lock"], ids=rules.name_of)
def test_every_locked_package_has_hashes(path: pathlib.Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]

    assert [line.split()[0] for line in packages if "--hash=sha256:" not in line] == []
    assert len(packages) > 20


@pytest.mark.parametrize(
    "text",
    [
        "see /home/jo/project/x",
        '"/Users/jo/x"',
        "index = https://" + "pypi.example.com/simple",
        "https://" + "registry.corp.net/a",
    ],
)
def test_rule_finds_local_places(text: str) -> None:
    assert rules.local_places(text) != []


def test_rule_finds_this_machines_own_places() -> None:
    assert rules.local_places("made in /somewhere/else by me", ("/somewhere/else",)) == ["/somewhere/else"]
    assert rules.local_places("./somewhere/else and /somewhere/elsewhere", ("/somewhere/else",)) == []


@pytest.mark.parametrize(
    "text", ["GET /v1/home/x", "https://api.openai.com/v1", "https://docs.example.org/project/x", "./work/x"]
)
def test_rule_lets_ordinary_text_pass(text: str) -> None:
    assert rules.local_places(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://x.test/simple",
        "a @ https://x.test/a.whl",
        '"resolved": "https://x.test/a.tgz"',
        "--find-links /x",
    ],
)
def test_rule_finds_addresses_in_lock_files(line: str) -> None:
    assert rules.lock_addresses(line) != []
