"""A provider's key goes to the provider and nowhere else."""

import pytest

from frontdesk.gateway.errors import GatewayError, InternalError, Stated
from frontdesk.gateway.messages import Message, Request
from frontdesk.gateway.providers import openai
from frontdesk.gateway.providers.http import HttpProvider
from frontdesk.gateway.providers.transport import Transport
from frontdesk.gateway.snapshot import Credential, Model, Provider, Target
from frontdesk.gateway.vault import Sealed, Vault, generate_master_key
from tests.standins.loopback import Exchange, LoopbackServer

KEY = "AIzaSyCANARYcanaryCANARY0123456789abcd"
VAULT = Vault([generate_master_key()])
REQUEST = Request(model="m", messages=(Message(role="user", content="x"),))


def target(base_url: str, sealed: Sealed | None = None) -> Target:
    credential = Credential(id="c", tenant_id=1, provider="p", sealed=sealed or VAULT.seal(1, KEY))
    return Target(Provider(name="p", wire="openai", base_url=base_url), Model(provider="p", name="m"), credential)


@pytest.mark.parametrize("status", [400, 500])
async def test_a_key_that_a_provider_quotes_is_hidden(status: int) -> None:
    async def quote(exchange: Exchange) -> None:
        key = exchange.headers["authorization"][7:].encode()
        body = b'{"error":{"message":"API key not valid: %s","code":"%s","type":"%s","param":"%s"}}' % ((key,) * 4)
        await exchange.send(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body))

    transport = Transport()
    async with LoopbackServer(quote) as server:
        with pytest.raises(GatewayError) as caught:
            await HttpProvider(openai, transport, VAULT).complete(REQUEST, target(f"http://127.0.0.1:{server.port}"))
        await transport.aclose()

    error = caught.value
    assert (error.public_message, str(error)) == ("API key not valid: …", "API key not valid: …")
    assert (error.code, error.param, error.stated) == ("…", "…", Stated("…", "…"))


async def test_a_key_of_another_tenant_cannot_be_used() -> None:
    transport = Transport()

    with pytest.raises(InternalError) as caught:
        await HttpProvider(openai, transport, VAULT).complete(REQUEST, target("http://127.0.0.1:9", VAULT.seal(2, KEY)))

    assert caught.value.code == "provider_key_unreadable"
