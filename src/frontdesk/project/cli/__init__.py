"""The command `frontdesk`: reads its arguments, prepares what the command needs, calls one function, reports."""

import sys
from collections.abc import Sequence

from frontdesk.project.cli import parser, runner


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 failed, 2 wrong usage, configuration or surroundings."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and runner.is_foreign(given[0]):
        return runner.run_django(given)
    return runner.run(parser.build().parse_args(given or ["--help"]))
