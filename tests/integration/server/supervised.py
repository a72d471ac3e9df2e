"""A parent with children that do as told, as a program: `supervised.py KIND DIRECTORY`. The children know no Django.

A child notes its life in DIRECTORY: a file `<pid>.<what>` for each thing that happens to it. Of the kind "late", those
after the first three serve only once there is a file `go`.
"""

import os
import signal
import sys
import time
from pathlib import Path

from frontdesk.server import supervisor
from frontdesk.server.supervisor import Tie

KIND, DIRECTORY = sys.argv[1], Path(sys.argv[2])


def note(what: str) -> None:
    (DIRECTORY / f"{os.getpid()}.{what}").touch()


def serve(tie: Tie) -> int:
    note("started")
    if KIND == "refused":
        return supervisor.REFUSED
    if KIND == "broken":
        return 3
    while "late" in KIND and len(list(DIRECTORY.glob("*.started"))) > 3 and not (DIRECTORY / "go").exists():
        time.sleep(0.01)
    signal.signal(signal.SIGQUIT, lambda *_: os._exit(0))
    os.write(tie.ready, b".")
    note("serves")
    os.read(tie.leash, 1)
    note("ends")
    if "slow" in KIND:
        signal.pause()
    return 0


supervisor.FIRST_BACKOFF_S = 0.01
sys.exit(supervisor.run("127.0.0.1", 0, workers=3, data_dir=DIRECTORY, patience_s=30.0, serve=serve))
