"""The committed bundle is byte for byte what the widget's source gives, and the source passes its own checks."""

import shutil
import subprocess
from pathlib import Path

import pytest

WIDGET = Path(__file__).parents[2] / "widget"


@pytest.fixture
def npm() -> str:
    found = shutil.which("npm")
    if found is None:
        pytest.skip("no npm: the widget's build is not compared (install Node.js 20 or later)")
    if not (WIDGET / "node_modules").is_dir():
        pytest.skip("the widget's build is not compared: run `npm ci` in widget/ first")
    return found


@pytest.mark.parametrize("script", ["verify", "check", "test"])
def test_the_widget_passes_its_own(npm: str, script: str) -> None:
    done = subprocess.run([npm, "run", "--silent", script], cwd=WIDGET, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-1_000:]
