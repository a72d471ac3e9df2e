"""The one tree of errors: a class for each decision that whoever catches it can take.

Source of the classes: what the providers' status codes ask of a client (`KEY` 401/402/403, `RATE_LIMITED` 429,
`PROVIDER` 5xx and network, `CALLER` 400/404/413/422).
"""

from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from frontdesk.gateway.budgets.terms import LimitState, Policy


class Decision(StrEnum):
    """Whose fault it is, and so who has to act."""

    CALLER = "caller"
    KEY = "key"
    RATE_LIMITED = "rate_limited"
    PROVIDER = "provider"
    BUDGET = "budget"
    INTERNAL = "internal"


class Retry(StrEnum):
    """What would help: nothing, waiting, another key of the provider, or another provider."""

    NEVER = "never"
    LATER = "later"
    NEXT_KEY = "next_key"
    NEXT_PROVIDER = "next_provider"


class Stated(msgspec.Struct, frozen=True):
    """The `type` and `code` of a provider's own error object, None where it had none."""

    kind: str | None
    code: str | None


class GatewayError(Exception):
    """Any failure of a request, with all that is needed to answer the client and to decide what comes next.

    `public_message` is safe to show: it holds no key and no text of a conversation. `kind`, `param` and `code`
    are the fields of OpenAI's error object; `stated` has the provider's own for clients that know its format.
    `upstream_status` is the provider's HTTP status, None when it gave none.
    """

    decision: ClassVar[Decision]
    default_code: ClassVar[str]
    default_status: ClassVar[int]
    default_retry: ClassVar[Retry] = Retry.NEVER
    kind: ClassVar[str] = "api_error"

    def __init__(
        self,
        public_message: str,
        *,
        code: str | None = None,
        http_status: int | None = None,
        retry: Retry | None = None,
        retry_after_s: float | None = None,
        param: str | None = None,
        stated: Stated | None = None,
        upstream_status: int | None = None,
    ) -> None:
        super().__init__(public_message)
        self.public_message = public_message
        self.code = self.default_code if code is None else code
        self.http_status = self.default_status if http_status is None else http_status
        self.retry = self.default_retry if retry is None else retry
        self.retry_after_s = retry_after_s
        self.param = param
        self.stated = stated
        self.upstream_status = upstream_status


class CallerError(GatewayError):
    """The request itself is wrong; repeating it unchanged fails again everywhere."""

    decision = Decision.CALLER
    default_code = "invalid_request"
    default_status = 400
    kind = "invalid_request_error"


class ProviderKeyError(GatewayError):
    """The provider refused the key that Frontdesk holds for it; another key may do."""

    decision = Decision.KEY
    default_code = "provider_key_rejected"
    default_status = 401
    default_retry = Retry.NEXT_KEY
    kind = "authentication_error"


class RateLimited(GatewayError):
    """The provider asks to wait; `retry_after_s` tells how long when it said so."""

    decision = Decision.RATE_LIMITED
    default_code = "rate_limit_exceeded"
    default_status = 429
    default_retry = Retry.LATER
    kind = "rate_limit_error"


class ProviderError(GatewayError):
    """The provider failed or gave an unusable answer; another provider may do."""

    decision = Decision.PROVIDER
    default_code = "provider_error"
    default_status = 502
    default_retry = Retry.NEXT_PROVIDER
    kind = "server_error"


class ProviderTimeout(ProviderError):
    """A deadline passed: `code` is connect_timeout, first_byte_timeout, idle_timeout or total_timeout."""

    default_code = "total_timeout"
    default_status = 504


class BudgetExhausted(GatewayError):
    """A limit set in Frontdesk is reached; `retry_after_s` tells when it resets."""

    decision = Decision.BUDGET
    default_code = "budget_exhausted"
    default_status = 429
    default_retry = Retry.LATER
    kind = "insufficient_quota"

    def __init__(
        self,
        public_message: str,
        *,
        notice: str = "",
        policy: Policy = "reject",
        limits: tuple[LimitState, ...] = (),
        **facts: Any,
    ) -> None:
        """Take what any GatewayError takes, and what whoever answers in the call's place needs.

        `notice` is the line that a customer is shown, `policy` what is to become of the message, `limits` where the
        client's limits stand.
        """
        super().__init__(public_message, **facts)
        self.notice = notice
        self.policy = policy
        self.limits = limits


class InternalError(GatewayError):
    """Frontdesk itself cannot serve the request now."""

    decision = Decision.INTERNAL
    default_code = "internal_error"
    default_status = 500
    default_retry = Retry.LATER
    kind = "server_error"


class JournalUnavailable(InternalError):
    """The journal cannot take a record (disk full, read-only), so no call may be made that would be billed."""

    default_code = "journal_unavailable"
    default_status = 503
