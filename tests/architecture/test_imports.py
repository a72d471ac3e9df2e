"""Imports point one way: the contracts of pyproject.toml, checked as `lint-imports` does."""

import importlib.util
import pathlib
import subprocess
import sys

import pytest

from tests.architecture import rules

LINT = pathlib.Path(sys.executable).parent / "lint-imports"


def lint(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINT), "--no-cache", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(importlib.util.find_spec("importlinter") is None, reason="import-linter is not installed")
def test_import_contracts_are_kept() -> None:
    done = lint(rules.ROOT)

    assert "0 broken" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.skipif(importlib.util.find_spec("importlinter") is None, reason="import-linter is not installed")
def test_a_broken_contract_is_noticed(tmp_path: pathlib.Path) -> None:
    for name, text in {"": "", "low": "from sample import high\n", "high": ""}.items():
        folder = tmp_path / "sample" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").write_text(text)
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_package = sample\n"
        "[importlinter:contract:layers]\nname = layers\ntype = layers\n"
        "containers = sample\nlayers =\n    high\n    low\n"
    )

    done = lint(tmp_path)

    assert "1 broken" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1
