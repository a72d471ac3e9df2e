"""Structured logs on standard error: JSON in production, readable lines elsewhere; never message text, never keys."""

import logging
import logging.config
from typing import Any

import structlog
from structlog.processors import CallsiteParameter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from frontdesk.project.redaction import Redaction

# Their debug level prints SQL with values, headers or bodies.
_TALKATIVE = ("django.db.backends", "asyncio", "httptools", "openai")

_PLACE = {
    CallsiteParameter.PROCESS,
    CallsiteParameter.THREAD_NAME,
    CallsiteParameter.FUNC_NAME,
    CallsiteParameter.LINENO,
}


def configure(options: dict[str, Any]) -> None:
    """Set up structlog and the standard library's logging; Django calls this with the LOGGING setting."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    if options.get("shows_place"):
        shared.append(structlog.processors.CallsiteParameterAdder(_PLACE))
    redaction = Redaction(options["secrets"]() if "secrets" in options else ())
    standard = _standard(str(options["level"]), as_json=bool(options["as_json"]), shared=shared, redaction=redaction)
    standard["loggers"]["frontdesk"] = {"level": str(options.get("own_level", options["level"]))}
    logging.config.dictConfig(standard)


def _standard(level: str, *, as_json: bool, shared: list[Processor], redaction: Processor) -> dict[str, Any]:
    # Tracebacks without local variables: those hold texts and keys.
    if as_json:
        rendering: list[Processor] = [
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ]
    else:
        rendering = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering, redaction],
                "foreign_pre_chain": shared,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            **{name: {"level": "INFO"} for name in _TALKATIVE},
            # Answered with 400; anybody can make it happen, as often as he likes.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
        },
    }
