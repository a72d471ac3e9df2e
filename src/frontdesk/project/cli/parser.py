"""What may be typed: commands, options, help. Knows no Django, so that `--help` and `--version` answer at once."""

import argparse
from typing import Any, NoReturn

from frontdesk import __version__
from frontdesk.project.cli import moments

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
    _add_prices(commands)
    _add_budget(commands)
    _add_looking(commands)
    return parser


def command_names() -> frozenset[str]:
    """List the commands of Frontdesk itself."""
    return frozenset(
        {"serve", "migrate", "demo", "tenant", "provider", "usage", "prices", "health", "config"}
        | {"budget", "generate_master_key", "rotate_master_key", "worker", "beat", "jobs"}
    )


def _add_running(commands: Any) -> None:
    # It looks at the database itself: where it starts several processes, each of them does, and the parent never.
    serve = _command(
        commands, "serve", "answer customers and applications over HTTP", "serve", needs=NOTHING, json=False
    )
    serve.add_argument("--host", help="the address to listen on (default: FRONTDESK_HOST, else 127.0.0.1)")
    serve.add_argument("--port", type=_port, help="the port; 0 takes a free one (default: FRONTDESK_PORT, else 8000)")
    serve.add_argument(
        "--workers",
        type=_workers,
        metavar="N",
        help="how many processes; from 2 on they need Redis (default: FRONTDESK_WORKERS, else 1)",
    )
    worker = _command(
        commands, "worker", "run jobs from a broker (FRONTDESK_BROKER_URL)", "worker", needs=SCHEMA, json=False
    )
    worker.add_argument(
        "--concurrency", type=_workers, default=1, metavar="N", help="how many jobs at a time (default: 1)"
    )
    _command(commands, "beat", "ring for jobs that are due", "worker", function="beat", needs=SCHEMA, json=False)
    _command(commands, "jobs", "list what runs by the clock, and how it went", "jobs", needs=SCHEMA)
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
    audit = _command(
        actions, "audit", "look for what should not be in the ledger", "usage", function="audit", needs=SCHEMA
    )
    audit.add_argument("--tenant", help="id or slug (default: all tenants)")
    reprice = _command(
        actions, "reprice", "compute costs anew from the prices of now", "usage", function="reprice", needs=SCHEMA
    )
    which = reprice.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", metavar="MODEL", help="the calls of one model")
    which.add_argument("--unpriced", action="store_true", help="the calls that have no cost yet")
    for command in (audit, reprice):
        command.add_argument("--since", type=moments.moment, metavar="DATE", help="calls from then on (default: all)")
    _add_asking(reprice)


def _add_prices(commands: Any) -> None:
    actions = _group(commands, "prices", "what models cost, where that is from, prices of your own")
    take = _command(
        actions, "import", "take over the price list of this version", "prices", function="import_list", needs=SCHEMA
    )
    take.add_argument(
        "--with-past", action="store_true", help="prices that changed hold from the list's date, if that is past"
    )
    _add_asking(take)
    show = _command(actions, "show", "list a model's prices over time", "prices", function="show", needs=SCHEMA)
    change = _command(
        actions, "set", "set your own price, in USD per million tokens", "prices", function="set_price", needs=SCHEMA
    )
    for command in (show, change):
        command.add_argument("model", metavar="MODEL", help="provider/model, or a model's name alone")
    change.add_argument("--input", required=True, metavar="USD", help="input tokens")
    change.add_argument("--output", required=True, metavar="USD", help="output tokens, reasoning included")
    change.add_argument("--cache-read", metavar="USD", help="input read from the cache (default: as input)")
    change.add_argument("--cache-write", metavar="USD", help="input written to the cache (default: as input)")
    change.add_argument(
        "--tier",
        dest="tiers",
        action="append",
        default=[],
        metavar="ABOVE=INPUT,OUTPUT[,CACHE_READ[,CACHE_WRITE]]",
        help="prices of calls with more input tokens than ABOVE; may be repeated",
    )
    change.add_argument(
        "--from", dest="begins", type=moments.moment, metavar="DATE", help="from when on (default: now)"
    )
    change.add_argument(
        "--until", dest="ends", type=moments.moment, metavar="DATE", help="until when (default: until another begins)"
    )
    change.add_argument(
        "--backdate",
        dest="corrects_past",
        action="store_true",
        help="let it begin where calls were billed at another price",
    )


def _add_asking(command: Parser) -> None:
    command.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    command.add_argument("--yes", action="store_true", help="do it without asking")


def _add_budget(commands: Any) -> None:
    actions = _group(commands, "budget", "what may be spent, and what is")
    show = _command(actions, "show", "list where a tenant's limits stand", "budget", function="show", needs=SCHEMA)
    show.add_argument("tenant", metavar="TENANT", help="id or slug; the operator's own also shows providers and all")
    change = _command(actions, "set", "set or lift a limit", "budget", function="set_limit", needs=SCHEMA)
    change.add_argument("tenant", metavar="TENANT", help="id or slug; the operator's own for global and provider")
    change.add_argument(
        "--limit", required=True, metavar="N", help="requests, tokens or USD (2.50); none lifts it, usual undoes"
    )
    change.add_argument("--policy", default="", help="reject, degrade or knowledge (default: as usual for the scope)")
    change.add_argument("--notice", default="", metavar="TEXT", help="what the customer is told when nothing is left")
    reset = _command(actions, "reset", "give back what was spent", "budget", function="reset", needs=SCHEMA)
    reset.add_argument("tenant", metavar="TENANT", help="id or slug")
    for command, is_required in ((change, True), (reset, False)):
        default = None if is_required else ""
        command.add_argument(
            "--scope",
            required=is_required,
            default=default,
            metavar="S",
            help="global, provider, tenant, widget, api_key, session or ip",
        )
        command.add_argument("--owner", default="", metavar="ID", help="one of them (default: each by itself)")
        command.add_argument(
            "--unit", required=is_required, default=default, metavar="U", help="requests, tokens or usd"
        )
        command.add_argument(
            "--window", required=is_required, default=default, metavar="W", help="minute, hour, day or month"
        )
    preset = _command(actions, "preset", "limit a provider to its free tier", "budget", function="preset", needs=SCHEMA)
    preset.add_argument("provider", metavar="PROVIDER", help="gemini or groq")


def _add_looking(commands: Any) -> None:
    _command(commands, "health", "ask the running server how it is", "health", needs=NOTHING)
    _command(commands, "config", "show the configuration, with secrets masked", "config", needs=NOTHING)
    _command(commands, "generate_master_key", "make a key for LLM_MASTER_KEY", "master_key", needs=NOTHING)
    rotate = _command(
        commands,
        "rotate_master_key",
        "seal every stored secret with the first master key",
        "rotate_master_key",
        needs=SCHEMA,
    )
    rotate.add_argument("--dry-run", dest="is_dry_run", action="store_true", help="change nothing, tell what would be")


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


def _workers(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 128:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 128")
    return int(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 10000")
    return int(text)
