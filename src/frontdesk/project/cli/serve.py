"""`frontdesk serve`."""

import argparse
import importlib

from django.conf import settings

from frontdesk.project.cli.errors import UsageError


def run(arguments: argparse.Namespace) -> None:
    """Serve until told to stop. The server's modules are loaded only here: no other command needs them."""
    host = arguments.host or settings.CONFIGURATION.host
    port = settings.CONFIGURATION.port if arguments.port is None else arguments.port
    server = importlib.import_module("frontdesk.server.serve")
    try:
        server.run(host, port)
    except server.CannotServe as error:
        raise UsageError(str(error)) from error
