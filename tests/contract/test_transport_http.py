"""What a hand-written HTTP/1.1 client must get right: framing, addresses, TLS, bytes that nobody asked for."""

import asyncio
import datetime
import ipaddress
import pathlib
import ssl
from collections.abc import AsyncIterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from frontdesk.gateway.errors import ProviderError, ProviderTimeout
from frontdesk.gateway.providers.contract import Deadlines, UpstreamRequest
from frontdesk.gateway.providers.transport import Transport
from frontdesk.gateway.providers.transport.address import Address
from tests.contract.raw_server import OK, Peer, RawServer, answering, forever

PATIENT = Deadlines(connect_s=3, first_byte_s=3, idle_s=3, total_s=5)
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = Transport(PATIENT)
    yield made
    await made.aclose()


async def read(transport: Transport, url: str, body: bytes = b"{}") -> bytes:
    async with transport.open(UpstreamRequest(url, {}, body)) as response:
        return await response.read()


async def failure_of(transport: Transport, url: str) -> str:
    """Ask, and give the code of the failure. A deadline is none: it would hide a call that hangs."""
    with pytest.raises(ProviderError) as raised:
        await read(transport, url)
    assert not isinstance(raised.value, ProviderTimeout)
    return raised.value.code


# --- heads


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
async def test_interim_response_is_not_the_answer(transport: Transport, status: bytes) -> None:
    interim = b"HTTP/1.1 " + status + b"\r\nlink: </style.css>\r\n\r\n"

    async with RawServer(forever([interim * 2 + OK, interim + OK])) as server:
        for _ in range(2):
            async with transport.open(UpstreamRequest(server.url, {}, b"{}")) as response:
                assert (response.status, await response.read()) == (200, b"{}")
                assert "link" not in response.headers

    assert server.connections_opened == 1


async def test_interim_response_with_a_body_adds_nothing_to_the_answer(transport: Transport) -> None:
    async with RawServer(answering(b"HTTP/1.1 103 Hints\r\ncontent-length: 5\r\n\r\nhello" + OK)) as server:
        assert await failure_of(transport, server.url) == "malformed_body"


async def test_switch_of_protocols_is_refused(transport: Transport) -> None:
    switch = b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"

    async with RawServer(answering(switch + OK)) as server:
        assert await failure_of(transport, server.url) == "malformed_body"


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 2\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 2\r\n",
        b"content-length: 2\r\ncontent-length: 3\r\n",
        b"content-length: -2\r\n",
        b"content-length: 99999999999999999999999\r\n",
        b"content-length : 2\r\n",
    ],
)
async def test_ambiguous_length_is_refused(transport: Transport, head: bytes) -> None:
    async with RawServer(answering(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n{}")) as server:
        assert await failure_of(transport, server.url) == "malformed_body"


@pytest.mark.parametrize("line", [b"x: " + b"a" * 1000 + b"\r\n", b"a" * 1000], ids=["fields", "one-name"])
async def test_head_that_never_ends_is_refused(transport: Transport, line: bytes) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await peer.send(line)
            await asyncio.sleep(0)

    async with RawServer(endless) as server:
        assert await failure_of(transport, server.url) == "malformed_body"
        await server.until_all_left()


async def test_interim_responses_that_never_end_are_refused(transport: Transport) -> None:
    async with RawServer(answering(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000)) as server:
        assert await failure_of(transport, server.url) == "malformed_body"


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x15\x03\x01\x00\x02\x02\x28", b"\0" * 100])
async def test_another_protocol_is_refused(transport: Transport, answer: bytes) -> None:
    async with RawServer(answering(answer)) as server:
        assert await failure_of(transport, server.url) == "malformed_body"


# --- bodies


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"])
async def test_body_that_ends_with_the_connection_is_read_whole(transport: Transport, head: bytes) -> None:
    body = bytes(range(256)) * 4000

    async with RawServer(answering(head + body)) as server:
        for _ in range(2):
            assert await read(transport, server.url) == body

    assert server.connections_opened == 2


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"])
async def test_body_that_ends_with_a_reset_is_an_error(transport: Transport, head: bytes) -> None:
    async def resetting(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(head + b"{}")
        await asyncio.sleep(0.02)
        raw = peer.writer.get_extra_info("socket")
        raw.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0: RST instead of FIN
        peer.reset()

    async with RawServer(resetting) as server:
        assert await failure_of(transport, server.url) == "truncated_body"


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 10\r\n",
        b"transfer-encoding: chunked\r\n",
        b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n",
    ],
)
async def test_body_cut_by_an_orderly_close_is_an_error(transport: Transport, head: bytes) -> None:
    async with RawServer(answering(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n2\r\n{}\r\n")) as server:
        assert await failure_of(transport, server.url) == "truncated_body"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified", b"200 OK\r\ncontent-length: 0"])
async def test_answer_without_a_body(transport: Transport, status: bytes) -> None:
    async with RawServer(forever([b"HTTP/1.1 " + status + b"\r\n\r\n"])) as server:
        for _ in range(2):
            assert await read(transport, server.url) == b""

    assert server.connections_opened == 1


async def test_empty_body_that_is_called_compressed_is_empty(transport: Transport) -> None:
    refusal = b"HTTP/1.1 401 Unauthorized\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n"

    async with (
        RawServer(answering(refusal)) as server,
        transport.open(UpstreamRequest(server.url, {}, b"{}")) as response,
    ):
        assert (response.status, await response.read()) == (401, b"")


async def test_trailers_are_no_headers(transport: Transport) -> None:
    chunked = CHUNKED + b"2;name=value\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n"

    async with RawServer(forever([chunked, OK])) as server:
        for expected in ("transfer-encoding", "content-length"):
            async with transport.open(UpstreamRequest(server.url, {}, b"{}")) as response:
                assert await response.read() == b"{}"
                assert list(response.headers) == [expected]

    assert server.connections_opened == 1


async def test_trailer_that_never_ends_is_not_kept(transport: Transport) -> None:
    sent = 0

    async def endless(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(CHUNKED + b"2\r\n{}\r\n0\r\nx: ")
        while sent < 64 * 1024 * 1024:
            await peer.send(b"a" * 65536)
            sent += 65536

    async with RawServer(endless) as server:
        transport.deadlines = Deadlines(idle_s=0.2, total_s=1)
        with pytest.raises(ProviderError):
            await read(transport, server.url)
        await server.until_all_left()

    assert sent < 16 * 1024 * 1024


@pytest.mark.parametrize("answer", [OK, CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\nx-trailer: 1\r\n\r\n"])
async def test_answer_cut_into_single_bytes(transport: Transport, answer: bytes) -> None:
    async def dribble(peer: Peer) -> None:
        while True:
            await peer.request()
            for at in range(len(answer)):
                await peer.send(answer[at : at + 1])
                await asyncio.sleep(0)

    async with RawServer(dribble) as server:
        for _ in range(3):
            assert await read(transport, server.url) == b"{}"

    assert server.connections_opened == 1


async def test_slow_reader_makes_the_provider_wait(transport: Transport) -> None:
    pieces, sent = 1024, 0

    async def send_much(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(CHUNKED)
        for _ in range(pieces):
            await peer.send(b"10000\r\n" + b"a" * 65536 + b"\r\n")
            sent += 1
        await peer.send(b"0\r\n\r\n")

    async with (
        RawServer(send_much) as server,
        transport.open(UpstreamRequest(server.url, {}, b"{}")) as response,
    ):
        size = len(await response.next_piece())
        await asyncio.sleep(0.3)
        sent_unread = sent
        while piece := await response.next_piece():
            size += len(piece)

    assert sent_unread < pieces // 2
    assert size == pieces * 65536


# --- requests


@pytest.mark.parametrize(
    ("name", "value"),
    [("authorization", f"Bearer sk{bad}x: y") for bad in ("\r\n", "\n", "\r", "\0", "\u2026", "\ud800")]
    + [("x\r\ny", "z"), ("x\u2026", "z")],
)
async def test_header_that_cannot_be_sent_is_refused(transport: Transport, name: str, value: str) -> None:
    async with RawServer(forever()) as server:
        with pytest.raises(ProviderError) as raised:
            async with transport.open(UpstreamRequest(server.url, {name: value}, b"{}")):
                pass

        assert server.connections_opened == 0
    assert "sk" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:0/x",
        "http:///x",
        "ftp://127.0.0.1/x",
        "http://[::1/x",
        "http://a..b/x",
        "http://\u00fc..de/x",
        "http://" + "\u00fc" * 70 + ".de/x",
        "http://" + "a" * 70 + ".de/x",
        "http://a\0b/x",
        "http://\ud800/x",
        "http://127.0.0.1/\ud800",
        "http://127.0.0.1/?\ud800",
        "http://name.invalid/x",
    ],
)
async def test_address_that_cannot_be_used_is_refused(transport: Transport, url: str) -> None:
    assert await failure_of(transport, url) == "connection_failed"


@pytest.mark.parametrize(
    ("suffix", "target"),
    [
        ("", "/"),
        ("?a=b", "/?a=b"),
        ("/v1/chat?api-version=2024-10-21&x=%2F#fragment", "/v1/chat?api-version=2024-10-21&x=%2F"),
        ("/a b/\u00fc/%20/{x}?q=\u00fc d", "/a%20b/%C3%BC/%20/%7Bx%7D?q=%C3%BC%20d"),
        ("//double//slash/../x;y=1,2", "//double//slash/../x;y=1,2"),
        ("/model:generate@1~(2)!*'", "/model:generate@1~(2)!*'"),
    ],
)
async def test_path_and_query_are_sent_as_written(transport: Transport, suffix: str, target: str) -> None:
    seen: list[str] = []

    async def note(peer: Peer) -> None:
        seen.append((await peer.request()).decode().split("\r\n")[0])
        await peer.send(OK)

    async with RawServer(note) as server:
        await read(transport, f"http://127.0.0.1:{server.port}{suffix}")

    assert seen == [f"POST {target} HTTP/1.1"]


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        ("https://API.Example.com/v1", "api.example.com", ("https", "api.example.com", 443)),
        ("https://api.example.com:443/", "api.example.com", ("https", "api.example.com", 443)),
        ("http://api.example.com:443/", "api.example.com:443", ("http", "api.example.com", 443)),
        ("http://user:secret@api.example.com:8000/", "api.example.com:8000", ("http", "api.example.com", 8000)),
        ("http://b\u00fccher.example/", "xn--bcher-kva.example", ("http", "b\u00fccher.example", 80)),
        ("http://[2001:DB8::1]:8080/", "[2001:db8::1]:8080", ("http", "2001:db8::1", 8080)),
        ("http://[::1]/", "[::1]", ("http", "::1", 80)),
    ],
)
def test_host_is_sent_without_a_default_port_or_a_user(url: str, host: str, origin: tuple[str, str, int]) -> None:
    address = Address.parse(url)

    head = address.head(UpstreamRequest(url, {}, b""))
    assert f"\r\nhost: {host}\r\n".encode() in head
    assert address.origin == origin
    assert b"secret" not in head


# --- TLS


def certificate(folder: pathlib.Path, *names: str) -> ssl.SSLContext:
    """Make a certificate for names or addresses, in `folder / "ca.pem"`, and what a server needs to show it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(pem)
    (folder / "server.pem").write_bytes(pem + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def _general_name(name: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)


@pytest.fixture
def tls(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate for 127.0.0.1, and for no name, that the client trusts."""
    context = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return context


async def test_calls_over_tls_share_a_connection(transport: Transport, tls: ssl.SSLContext) -> None:
    big = b"HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\n" + b"a" * 5_000_000

    async with RawServer(forever([OK, big, OK]), tls) as server:
        assert [len(await read(transport, server.url, b"b" * 1_000_000)) for _ in range(4)] == [2, 5_000_000, 2, 2]

    assert server.connections_opened == 1


async def test_untrusted_certificate_is_refused(transport: Transport, tmp_path: pathlib.Path) -> None:
    async with RawServer(forever(), certificate(tmp_path, "127.0.0.1")) as server:
        assert await failure_of(transport, server.url) == "connection_failed"


async def test_certificate_of_another_host_is_refused(transport: Transport, tls: ssl.SSLContext) -> None:
    async with RawServer(forever(), tls) as server:
        assert await failure_of(transport, server.url.replace("127.0.0.1", "localhost")) == "connection_failed"


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0"])
async def test_server_without_tls_is_refused(transport: Transport, greeting: bytes) -> None:
    async def plain(peer: Peer) -> None:
        await peer.reader.read(100)
        await peer.send(greeting)

    async with RawServer(plain) as server:
        assert await failure_of(transport, server.url.replace("http:", "https:")) == "connection_failed"


async def test_server_that_never_shakes_hands_is_left_in_time(transport: Transport) -> None:
    async def silent(peer: Peer) -> None:
        await peer.reader.read()

    async with RawServer(silent) as server:
        transport.deadlines = Deadlines(connect_s=0.1)
        with pytest.raises(ProviderTimeout):
            await read(transport, server.url.replace("http:", "https:"))
        await server.until_all_left()


async def test_body_that_ends_with_the_connection_over_tls(transport: Transport, tls: ssl.SSLContext) -> None:
    async with RawServer(answering(b"HTTP/1.1 200 OK\r\n\r\n{}"), tls) as server:
        assert await read(transport, server.url) == b"{}"


async def test_answer_before_the_question_is_never_joined_to_another(transport: Transport, tls: ssl.SSLContext) -> None:
    async def eager(peer: Peer) -> None:
        if peer.number == 0:  # it comes together with the end of the handshake
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstale")
        await peer.request()
        await peer.send(OK)

    tls.num_tickets = 0
    async with RawServer(eager, tls) as server:
        first: bytes | str
        try:
            first = await read(transport, server.url)
        except ProviderError as error:
            first = error.code
        await asyncio.sleep(0.03)

        assert first in (b"stale", "connection_failed")
        assert await read(transport, server.url) == b"{}"
