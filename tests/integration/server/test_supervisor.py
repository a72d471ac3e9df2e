"""The parent of several processes: starts them, starts again those that die, ends them all; as a real program."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("supervised.py")
WAIT_S = 20.0


class Family:
    """The parent and what its children have noted."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, kind, directory], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )

    def children(self, what: str) -> set[int]:
        return {int(path.stem) for path in self.directory.glob(f"*.{what}")}

    def wait(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, errors


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Callable[[str], Family]]:
    started: list[Family] = []

    def start(kind: str) -> Family:
        started.append(Family(kind, tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
        if each.process.stderr is not None:
            each.process.stderr.close()


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def is_gone(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process_id}/stat").read_text().split()[2] == "Z"


def test_all_children_serve_and_end_with_the_parent(family: Callable[[str], Family]) -> None:
    parent = family("well")
    until(lambda: len(parent.children("serves")) == 3)
    address_was_left = (parent.directory / "server.json").exists()

    parent.process.terminate()
    status, errors = parent.wait()

    assert status == 0
    assert address_was_left
    assert not (parent.directory / "server.json").exists()
    assert len(parent.children("ends")) == 3
    assert "with 3 processes" in errors


def test_a_killed_child_is_started_again_and_the_others_stay(family: Callable[[str], Family]) -> None:
    parent = family("well")
    until(lambda: len(parent.children("serves")) == 3)
    first = parent.children("serves")
    victim = min(first)

    os.kill(victim, signal.SIGKILL)
    until(lambda: len(parent.children("serves")) == 4)
    parent.process.terminate()
    status, _ = parent.wait()

    assert status == 0
    assert parent.children("ends") == parent.children("serves") - {victim}


def test_a_reason_not_to_start_is_told_once_and_nothing_is_tried_again(family: Callable[[str], Family]) -> None:
    parent = family("refused")

    status, _ = parent.wait()

    assert status == 2
    assert len(parent.children("started")) == 1


def test_children_that_die_at_once_are_given_up(family: Callable[[str], Family]) -> None:
    parent = family("broken")

    status, errors = parent.wait()

    assert status == 1
    assert len(parent.children("started")) == 5
    assert "giving up" in errors


def test_children_end_when_the_parent_is_killed(family: Callable[[str], Family]) -> None:
    parent = family("well")
    until(lambda: len(parent.children("serves")) == 3)

    parent.process.kill()
    parent.process.wait()

    until(lambda: len(parent.children("ends")) == 3)
    until(lambda: all(is_gone(child) for child in parent.children("serves")))


def test_a_second_signal_does_not_wait(family: Callable[[str], Family]) -> None:
    parent = family("slow")
    until(lambda: len(parent.children("serves")) == 3)
    parent.process.terminate()
    until(lambda: len(parent.children("ends")) == 3)

    parent.process.terminate()
    status, _ = parent.wait()

    assert status == 0


def test_a_hangup_replaces_the_children_one_by_one(family: Callable[[str], Family]) -> None:
    parent = family("well")
    until(lambda: len(parent.children("serves")) == 3)
    first = parent.children("serves")

    parent.process.send_signal(signal.SIGHUP)
    until(lambda: parent.children("ends") == first)

    assert len(parent.children("serves")) == 6
    parent.process.terminate()
    assert parent.wait()[0] == 0
    assert parent.children("ends") == parent.children("serves")


def test_the_stand_in_of_a_child_that_dies_takes_its_place(family: Callable[[str], Family]) -> None:
    parent = family("late")
    until(lambda: len(parent.children("serves")) == 3)
    first = parent.children("serves")
    victim = min(first, key=lambda child: (parent.directory / f"{child}.started").stat().st_mtime_ns)
    parent.process.send_signal(signal.SIGHUP)
    until(lambda: len(parent.children("started")) == 4)

    os.kill(victim, signal.SIGKILL)
    until(lambda: len(parent.children("started")) == 5)
    (parent.directory / "go").touch()
    until(lambda: parent.children("ends") == first - {victim})

    assert len(parent.children("started")) == 6
    parent.process.terminate()
    assert parent.wait()[0] == 0
    assert parent.children("ends") == parent.children("started") - {victim}


def test_a_hangup_during_another_replaces_nobody_twice(family: Callable[[str], Family]) -> None:
    parent = family("late slow")
    until(lambda: len(parent.children("serves")) == 3)
    parent.process.send_signal(signal.SIGHUP)
    until(lambda: len(parent.children("started")) == 4)

    parent.process.send_signal(signal.SIGHUP)
    (parent.directory / "go").touch()
    until(lambda: len(parent.children("ends")) == 4)

    assert len(parent.children("started")) == 7
    parent.process.terminate()
    until(lambda: len(parent.children("ends")) == 7)
    parent.process.terminate()
    assert parent.wait()[0] == 0
