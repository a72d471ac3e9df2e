"""The widget's built file: made of the source beside it, small, and asking nobody but its own server."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BUNDLE = ROOT / "src/frontdesk/channels/static/frontdesk/widget.js"
WIDGET = ROOT / "widget"


def test_the_bundle_names_the_source_it_was_built_from() -> None:
    digest = hashlib.sha256()
    for path in sorted((WIDGET / "src").iterdir(), key=lambda path: path.name):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())

    named = re.match(r"/\* Frontdesk chat widget, Apache-2\.0, source ([0-9a-f]{16}) \*/", BUNDLE.read_text())

    assert named is not None
    assert named[1] == digest.hexdigest()[:16], "run `npm run build` in widget/ and commit the result"


def test_the_bundle_is_small() -> None:
    assert len(gzip.compress(BUNDLE.read_bytes(), mtime=0)) < 20_000


def test_the_bundle_knows_no_address_but_a_namespace() -> None:
    addresses = set(re.findall(r"\w+://[\w.-]+[^\"'`\s]*", BUNDLE.read_text()))

    assert addresses == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    "sink", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", 'setAttribute("on']
)
def test_the_bundle_has_no_way_from_text_to_code(sink: str) -> None:
    assert sink not in BUNDLE.read_text()


def test_the_lock_file_pins_the_bundler_and_names_no_registry() -> None:
    lock = json.loads((WIDGET / "package-lock.json").read_text())
    pinned = json.loads((WIDGET / "package.json").read_text())["devDependencies"]

    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in pinned} == pinned
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
