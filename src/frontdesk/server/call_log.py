"""With `LLM_DEBUG_MODE`, a log line for the beginning and the end of every call: ids and figures, no text, no key."""

from typing import assert_never

import structlog

from frontdesk.gateway.journal.record import Intent, Record, Settled
from frontdesk.gateway.ports import Journal

logger = structlog.get_logger()


class LoggedJournal:
    """Fulfils `gateway.ports.Journal`: writes to another journal and tells the log about it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def append(self, record: Record) -> None:
        """Write one record, then log it: what could not be written was not done."""
        self._journal.append(record)
        match record:
            case Intent():
                logger.debug("call_began", **_of_intent(record))
            case Settled():
                logger.debug("call_ended", **_of_settled(record))
            case _:
                assert_never(record)


def _of_intent(intent: Intent) -> dict[str, object]:
    return {
        "request_id": intent.caller.request_id,
        "call_id": intent.call_id.hex(),
        "tenant_id": intent.caller.tenant_id,
        "operation": intent.caller.operation,
        "provider": intent.provider,
        "model": intent.model,
        "credential_id": intent.credential_id,
        "is_streamed": intent.is_streamed,
        "position": intent.position,
        "estimated_input_tokens": intent.estimated_input_tokens,
        "max_tokens": intent.max_tokens,
    }


def _of_settled(settled: Settled) -> dict[str, object]:
    # Not the error's message, which may quote a provider that quotes the request.
    return {
        "request_id": settled.intent.caller.request_id,
        "call_id": settled.intent.call_id.hex(),
        "status": settled.status,
        "served_model": settled.served_model,
        "input_tokens": settled.usage.input_tokens,
        "output_tokens": settled.usage.output_tokens,
        "cost_nano_usd": settled.cost_nano_usd,
        "price_source": settled.price_source,
        "latency_ms": settled.latency_ms,
        "first_token_ms": settled.first_token_ms,
        "finish": settled.finish,
        "error_class": settled.error_class,
        "error_code": settled.error_code,
        "upstream_status": settled.upstream_status,
    }
