"""`frontdesk generate_master_key`."""

import argparse

from frontdesk.gateway.vault import generate_master_key
from frontdesk.project.cli import output


def run(arguments: argparse.Namespace) -> None:
    """Print a fresh master key; it is stored nowhere."""
    key = generate_master_key()
    if arguments.as_json:
        output.print_json({"master_key": key})
    else:
        output.print_line(key)
