"""`frontdesk demo`."""

import argparse

import msgspec

from frontdesk.project.cli import output
from frontdesk.project.demo import shop


def run(arguments: argparse.Namespace) -> None:
    """Make the demo shop if it is not there, and print fresh keys to it."""
    access = msgspec.to_builtins(shop.open_shop())
    if arguments.as_json:
        output.print_json(access)
        return
    output.print_line("The demo shop is ready. These are shown once; run the command again for fresh ones.\n")
    output.print_pairs(access)
    output.print_line("\nStart it with `frontdesk serve`, then open http://127.0.0.1:8000/")
