"""Debug mode tells when a call begins and ends, by ids and figures alone."""

from structlog.testing import capture_logs

from frontdesk.gateway.journal.record import Caller, Intent, Settled
from frontdesk.gateway.messages import Usage
from frontdesk.server.call_log import LoggedJournal

INTENT = Intent(
    call_id=bytes(16),
    at_ns=1,
    caller=Caller(tenant_id=2, request_id="request-1", subject_id="canary-subject"),
    provider="openai",
    model="small",
    credential_id="7",
    is_streamed=False,
    estimated_input_tokens=9,
)
SETTLED = Settled(
    intent=INTENT,
    status="failed",
    usage=Usage(uncached_input=3, output=4),
    cost_nano_usd=5,
    latency_ms=6,
    error_class="key",
    error_code="invalid_api_key",
    error_message="canary-message",
)


class Kept:
    def __init__(self):
        self.records = []

    def append(self, record):
        self.records.append(record)


class Full:
    def append(self, record):
        raise OSError("no space")


def test_call_is_written_and_logged_without_texts():
    kept = Kept()

    with capture_logs() as lines:
        journal = LoggedJournal(kept)
        journal.append(INTENT)
        journal.append(SETTLED)

    assert kept.records == [INTENT, SETTLED]
    assert [(line["event"], line["log_level"], line["request_id"]) for line in lines] == [
        ("call_began", "debug", "request-1"),
        ("call_ended", "debug", "request-1"),
    ]
    assert (lines[1]["status"], lines[1]["error_code"], lines[1]["cost_nano_usd"]) == ("failed", "invalid_api_key", 5)
    assert "canary" not in repr(lines)


def test_call_that_could_not_be_written_is_not_logged():
    with capture_logs() as lines:
        try:
            LoggedJournal(Full()).append(INTENT)
        except OSError as error:
            assert str(error) == "no space"

    assert lines == []
