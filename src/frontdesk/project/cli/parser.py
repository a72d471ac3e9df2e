"""What may be typed: commands, options, help. Knows no Django, so that `--help` and `--version` answer at once."""

import argparse
from typing import Any, NoReturn

from frontdesk import __version__

MODULES = "frontdesk.project.cli"

NOTHING, CONFIGURATION, DATABASE, SCHEMA = "nothing", "configuration", "database", "schema"
"""What a command needs: nothing; valid settings; a database to connect to; a database at this version's schema."""

EXAMPLES = """examples:
  frontdesk migrate                         prepare or update the database
  frontdesk demo                            make a demo shop with keys to try it
  frontdesk serve --port 8000               answer customers
  frontdesk provider add local --wire openai --base-url http://127.0.0.1:8080/v1 --key sk-...
  frontdesk tenant settings 2 --set temperature=0.3 --set 'persona="Warm and brief."'
  frontdesk tenant key 2 --name website     an API key to call models with
  frontdesk usage calls --tenant 2 --last 20 --json

Any management command of Django works too: frontdesk createsuperuser.
Settings come from the environment (FRONTDESK_DATA_DIR, OPENAI_API_KEY, ...): see frontdesk config.
"""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print the error and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def build() -> Parser:
    """Make the parser; each command's function is named by `module` and `function`, and imported when it runs."""
    parser = Parser(
        prog="frontdesk",
        description="A self-hosted customer-service agent with its own model gateway.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"frontdesk {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands", parser_class=Parser
    )
    _add_running(commands)
    _add_tenant(commands)
    _add_provider(commands)
    _add_usage(commands)
    _add_looking(commands)
    return parser


def command_names() -> frozenset[str]:
    """List the commands of Frontdesk itself."""
    return frozenset(
        {"serve", "migrate", "demo", "tenant", "provider", "usage", "health", "config", "generate_master_key"}
    )


def _add_running(commands: Any) -> None:
    serve = _command(
        commands, "serve", "answer customers and applications over HTTP", "serve", needs=SCHEMA, json=False
    )
    serve.add_argument("--host", help="the address to listen on (default: FRONTDESK_HOST, else 127.0.0.1)")
    serve.add_argument("--port", type=_port, help="the port; 0 takes a free one (default: FRONTDESK_PORT, else 8000)")
    _command(
        commands, "migrate", "prepare or update the database, and load the model catalog", "migrate", needs=DATABASE
    )
    _command(commands, "demo", "make a demo shop, with fresh keys each time", "demo", needs=SCHEMA)


def _add_tenant(commands: Any) -> None:
    actions = _group(commands, "tenant", "make tenants, see and change their settings")
    create = _command(actions, "create", "make a tenant", "tenant", function="create", needs=SCHEMA)
    create.add_argument("name", metavar="NAME")
    create.add_argument("--slug", default="", help="a short name for addresses (default: made from NAME)")
    _command(actions, "list", "list the tenants", "tenant", function="list_all", needs=SCHEMA)
    key = _command(actions, "key", "make an API key, shown this once", "tenant", function="key", needs=SCHEMA)
    key.add_argument("tenant", metavar="TENANT", help="id or slug")
    key.add_argument("--name", default="command line", help="what the key is for")
    key.add_argument(
        "--scope",
        dest="scopes",
        action="append",
        metavar="SCOPE",
        help="what it may do (default: gateway:call); may be repeated",
    )
    settings = _command(actions, "settings", "show or change settings", "tenant", function="settings", needs=SCHEMA)
    settings.add_argument("tenant", metavar="TENANT", help="id or slug")
    settings.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="choose a setting; the value is JSON (0.3, true, '\"text\"'); null goes back to the default",
    )


def _add_provider(commands: Any) -> None:
    actions = _group(commands, "provider", "the operator's model providers")
    add = _command(
        actions, "add", "add a provider or change it, with its key", "provider", function="add", needs=SCHEMA
    )
    add.add_argument("name", metavar="NAME", help="1 to 40 of a-z, 0-9, _ and -")
    add.add_argument("--wire", required=True, help="the format it speaks: openai")
    add.add_argument("--base-url", required=True, metavar="URL", help="http(s) address; may be on this machine")
    add.add_argument(
        "--key", required=True, help="the provider's API key, stored encrypted; - reads it from standard input"
    )
    add.add_argument(
        "--default-model", default="", metavar="MODEL", help="the model that `auto` asks this provider for"
    )
    _command(actions, "list", "list the providers", "provider", function="list_all", needs=SCHEMA)


def _add_usage(commands: Any) -> None:
    actions = _group(commands, "usage", "what was called and what it cost")
    calls = _command(actions, "calls", "list a tenant's last calls", "usage", function="calls", needs=SCHEMA)
    calls.add_argument("--tenant", required=True, help="id or slug")
    calls.add_argument("--last", type=_count, default=20, metavar="N", help="how many, newest first (default: 20)")
    audit = _command(actions, "audit", "count what should not be in a ledger", "usage", function="audit", needs=SCHEMA)
    audit.add_argument("--tenant", help="id or slug (default: all tenants)")


def _add_looking(commands: Any) -> None:
    _command(commands, "health", "ask the running server how it is", "health", needs=NOTHING)
    _command(commands, "config", "show the configuration, with secrets masked", "config", needs=NOTHING)
    _command(commands, "generate_master_key", "make a key for LLM_MASTER_KEY", "master_key", needs=NOTHING)


def _group(commands: Any, name: str, summary: str) -> Any:
    group = commands.add_parser(name, help=summary, description=_sentence(summary), allow_abbrev=False)
    return group.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions", parser_class=Parser)


def _command(
    commands: Any, name: str, summary: str, module: str, *, needs: str, function: str = "run", json: bool = True
) -> Parser:
    command: Parser = commands.add_parser(name, help=summary, description=_sentence(summary), allow_abbrev=False)
    command.set_defaults(module=f"{MODULES}.{module}", function=function, needs=needs, as_json=False)
    if json:
        command.add_argument("--json", dest="as_json", action="store_true", help="print one JSON value, nothing else")
    return command


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 10000")
    return int(text)
