"""Providers that are reached over HTTP: one driver, any wire format."""

from collections.abc import AsyncGenerator, Sequence

from frontdesk.gateway.errors import GatewayError, InternalError, ProviderError, Stated
from frontdesk.gateway.messages import Delta, Reply, Request, ToolCallDelta
from frontdesk.gateway.providers.contract import Wire
from frontdesk.gateway.providers.transport import Transport, UpstreamResponse
from frontdesk.gateway.snapshot import Target
from frontdesk.gateway.vault import Vault, VaultError

HIDDEN = "…"
"""What stands in the place of a key that a provider has quoted."""


class HttpProvider:
    """Asks models over HTTP in one wire format. Fulfils `ports.ProviderPort`."""

    def __init__(self, wire: Wire, transport: Transport, vault: Vault) -> None:
        self._wire = wire
        self._transport = transport
        self._vault = vault

    async def complete(self, request: Request, target: Target) -> Reply:
        """Ask and wait for the whole answer."""
        key = self._key(target)
        try:
            async with self._transport.open(self._wire.build_request(request, target, key)) as response:
                if response.status != 200:
                    raise await self._error(response)
                return self._wire.read_reply(await response.read())
        except GatewayError as error:
            _hide(key, error)
            raise

    async def stream(self, request: Request, target: Target) -> AsyncGenerator[Sequence[Delta], None]:
        """Ask and yield the answer as it arrives."""
        key = self._key(target)
        try:
            async with self._transport.open(self._wire.build_request(request, target, key)) as response:
                if response.status != 200:
                    raise await self._error(response)
                if response.headers.get("content-type", "").startswith("application/json"):
                    yield (_whole(self._wire.read_reply(await response.read())),)
                    return
                reader = self._wire.open_stream()
                while piece := await response.next_piece():
                    if deltas := reader.feed(piece):
                        yield deltas
                    if reader.failure is not None:
                        raise reader.failure
                    if reader.is_done:
                        response.complete()
                        return
                if deltas := reader.end():
                    yield deltas
        except GatewayError as error:
            _hide(key, error)
            raise

    def _key(self, target: Target) -> str:
        """Open the key for the target; "" where none is needed."""
        if target.credential is None:
            return ""
        try:
            return self._vault.open(target.credential.tenant_id, target.credential.sealed)
        except VaultError as error:
            raise InternalError(
                f"The key stored for {target.provider.name} cannot be decrypted. Enter it again in the console.",
                code="provider_key_unreadable",
            ) from error

    async def _error(self, response: UpstreamResponse) -> GatewayError:
        if 200 <= response.status < 400:
            return ProviderError(
                f"The provider answered with HTTP {response.status}, which Frontdesk does not follow.",
                code="unexpected_status",
            )
        return self._wire.read_error(response.status, response.headers, await response.read())


def _hide(key: str, error: GatewayError) -> None:
    """Take the key out of what a provider said: some quote it, and not in the message alone."""
    if not key:
        return
    error.public_message = error.public_message.replace(key, HIDDEN)
    error.args = (error.public_message,)
    error.code = error.code.replace(key, HIDDEN)
    error.param = _without(key, error.param)
    if error.stated is not None:
        error.stated = Stated(_without(key, error.stated.kind), _without(key, error.stated.code))


def _without(key: str, text: str | None) -> str | None:
    return None if text is None else text.replace(key, HIDDEN)


def _whole(reply: Reply) -> Delta:
    """Turn an answer in one piece, from a provider that was asked to stream, into the one event of a stream."""
    calls = tuple(
        ToolCallDelta(index, call.id, call.name, call.arguments) for index, call in enumerate(reply.tool_calls)
    )
    return Delta(
        id=reply.id,
        model=reply.model,
        text=reply.text,
        reasoning=reply.reasoning or "",
        refusal=reply.refusal or "",
        tool_calls=calls,
        finish=reply.finish,
        native_finish=reply.native_finish,
        usage=reply.usage,
    )
