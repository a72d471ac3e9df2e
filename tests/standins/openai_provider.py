"""A loopback stand-in for an OpenAI-compatible provider: answers, replays, misbehaves on demand, counts.

In a test: `async with OpenAIProvider() as provider: ... provider.base_url ... provider.calls`.
As a process: `python -m tests.standins.openai_provider --port 0 [--cases DIR] [--key KEY]`; it prints one JSON
line with `base_url` and then serves until it is ended.

What a chat request gets is chosen, in this order, by
* the script: `POST /_standin/script` with `{"faults": ["status:code=500", "none"]}` (or `provider.script`), one
  entry for each of the next calls, `none` for an ordinary answer;
* the header `x-standin-fault: NAME:key=value` or the model `fault-NAME:key=value` (names: see `faults`);
* the header `x-standin-case: ID`, the model `case-ID`, or the base URL `/cases/ID/v1`: the recorded exchange,
  its bytes cut at random when the header `x-standin-seed: N` is there or the model ends in `@N`;
* the model: `no-such-…` does not exist (404); any other gets a made-up answer (see `answers`).
A key is refused when it is missing, begins with `sk-bad`, or is not among those given with `--key`.

`GET /_standin/calls` lists the calls (`?bodies=1` with what was sent), `DELETE /_standin/calls` forgets them.
"""

import argparse
import asyncio
import dataclasses
import hashlib
import json
import pathlib
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from tests.standins import cases, misbehaviour
from tests.standins.answers import CREATED_AT, Answer
from tests.standins.faults import Fault, parse
from tests.standins.loopback import ClientLeft, ConnectionBroken, Exchange, LoopbackServer
from tests.standins.validation import Refusal, check

_JSON = [("content-type", "application/json")]


@dataclasses.dataclass
class Call:
    """One chat request that arrived; times in seconds since the epoch, no `outcome` while it is running."""

    number: int
    path: str
    model: str
    bearer: str
    body_sha256: str
    stream: bool
    started_at: float
    fault: str = ""
    case: str = ""
    status: int = 0
    pieces_sent: int = 0
    outcome: str = ""
    """`finished`, `closed_early` (by the client), `broken` (on purpose, by this stand-in)."""
    finished_at: float | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)
    body: Any = dataclasses.field(default=None, repr=False)


class OpenAIProvider:
    """The stand-in; an async context manager."""

    def __init__(
        self,
        *,
        port: int = 0,
        cases_folder: pathlib.Path = cases.OPENAI_CHAT,
        keys: frozenset[str] | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self.script: deque[str] = deque()
        """Faults for the next calls, `none` for an ordinary answer."""
        self._cases_folder = cases_folder
        self._keys = keys
        self._server = LoopbackServer(self._handle, port)

    @property
    def base_url(self) -> str:
        """Tell the address to set as OPENAI_BASE_URL."""
        return f"{self._server.url}/v1"

    @property
    def connections_opened(self) -> int:
        """Tell how many connections were opened to it so far."""
        return self._server.connections_opened

    def case_url(self, case_id: str) -> str:
        """Tell a base URL under which every chat request gets the recorded case."""
        return f"{self._server.url}/cases/{case_id}/v1"

    async def until(self, is_true: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until something is true of the calls. TimeoutError if it does not become true."""
        async with asyncio.timeout(timeout_s):
            while not is_true():  # noqa: ASYNC110 - the calls are plain data, nothing announces their changes
                await asyncio.sleep(0.002)

    async def until_ended(self) -> Call:
        """Wait until the last call is over, however it ended, and give it."""
        await self.until(lambda: bool(self.calls and self.calls[-1].outcome))
        return self.calls[-1]

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.__aexit__(kind, error, trace)

    async def _handle(self, exchange: Exchange) -> None:
        if exchange.path.startswith("/_standin/"):
            await self._control(exchange)
        elif exchange.path.endswith("/chat/completions") and exchange.method == "POST":
            await self._chat(exchange)
        elif exchange.path.endswith("/models") and exchange.method == "GET":
            model = {"id": "gpt-4o-mini", "object": "model", "created": CREATED_AT, "owned_by": "system"}
            await _json(exchange, 200, {"object": "list", "data": [model]})
        else:
            await _refuse(exchange, Refusal(f"Invalid URL ({exchange.method} {exchange.path})", status=404))

    async def _control(self, exchange: Exchange) -> None:
        match exchange.method, exchange.path.removeprefix("/_standin/"):
            case "GET", "calls":
                hidden = () if "bodies=1" in exchange.query else ("body", "headers")
                rows = [dataclasses.asdict(call) for call in self.calls]
                await _json(exchange, 200, [{k: v for k, v in row.items() if k not in hidden} for row in rows])
            case "DELETE", "calls":
                self.calls.clear()
                await _json(exchange, 200, [])
            case "POST", "script":
                faults = json.loads(exchange.body)["faults"]
                for name in faults:
                    _ = name == "none" or parse(name)
                self.script = deque(faults)
                await _json(exchange, 200, faults)
            case "GET", "cases":
                await _json(exchange, 200, sorted(cases.load(self._cases_folder)))
            case _:
                await _json(exchange, 404, {"error": "GET calls, DELETE calls, POST script, GET cases"})

    async def _chat(self, exchange: Exchange) -> None:
        call = self._record(exchange)
        try:
            await self._answer(exchange, call)
            call.outcome = "finished"
        except ClientLeft:
            call.outcome = "closed_early"
            raise
        except ConnectionBroken:
            call.outcome = "broken"
            raise
        except asyncio.CancelledError:
            call.outcome = "stopped"
            raise
        except Refusal as refusal:
            call.status, call.outcome = refusal.status, "finished"
            await _refuse(exchange, refusal)
        finally:
            call.finished_at = time.time()

    def _record(self, exchange: Exchange) -> Call:
        try:
            body = json.loads(exchange.body)
        except ValueError:
            body = None
        fields = body if isinstance(body, dict) else {}
        call = Call(
            number=len(self.calls) + 1,
            path=exchange.path,
            model=str(fields.get("model", "")),
            bearer=exchange.headers.get("authorization", "").removeprefix("Bearer ").strip(),
            body_sha256=hashlib.sha256(exchange.body).hexdigest(),
            stream=fields.get("stream") is True,
            started_at=time.time(),
            headers={name: value for name, value in exchange.headers.items() if name != "authorization"},
            body=body,
        )
        self.calls.append(call)
        return call

    async def _answer(self, exchange: Exchange, call: Call) -> None:
        self._check_key(call.bearer)
        if fault := self._fault(exchange, call):
            call.fault = fault.name
            answer = Answer(_lenient(call.body), call.number)
            await misbehaviour.misbehave(exchange, call, fault, answer)
            return
        if case_id := _case_id(exchange, call):
            await self._replay(exchange, call, case_id)
            return
        if call.body is None:
            raise Refusal(
                "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your "
                "HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid "
                "JSON.)"
            )
        body = check(call.body)
        if body["model"].startswith("no-such-"):
            message = f"The model `{body['model']}` does not exist or you do not have access to it."
            raise Refusal(message, code="model_not_found", status=404)
        await misbehaviour.behave(exchange, call, Answer(body, call.number))

    def _check_key(self, bearer: str) -> None:
        if not bearer:
            raise Refusal(
                "You didn't provide an API key. You need to provide your API key in an Authorization header using "
                "Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
                status=401,
            )
        if bearer.startswith("sk-bad") or (self._keys is not None and bearer not in self._keys):
            masked = f"{bearer[:6]}***{bearer[-2:]}"
            raise Refusal(f"Incorrect API key provided: {masked}.", code="invalid_api_key", status=401)

    def _fault(self, exchange: Exchange, call: Call) -> Fault | None:
        scripted = self.script.popleft() if self.script else ""
        text = scripted or exchange.headers.get("x-standin-fault", "")
        if not text and call.model.startswith("fault-"):
            text = call.model.removeprefix("fault-")
        if not text or text == "none":
            return None
        try:
            return parse(text)
        except ValueError as error:
            raise Refusal(str(error), status=400) from error

    async def _replay(self, exchange: Exchange, call: Call, case_id: str) -> None:
        case_id, _, seed = case_id.partition("@")
        case = cases.load(self._cases_folder).get(case_id)
        if case is None:
            raise Refusal(f"No recorded case is called {case_id}.", status=404)
        if seed := seed or exchange.headers.get("x-standin-seed", ""):
            exchange.cut_random = random.Random(int(seed))
        call.case, call.status = case_id, case.status
        kept = {name: value for name, value in case.headers.items() if name != "content-type"}
        headers = [("content-type", case.content_type), *kept.items()]
        if not case.is_stream:
            await exchange.respond(case.status, case.body, headers)
            return
        await exchange.start_chunked(case.status, headers)
        for event in case.body.split(b"\n\n"):
            if event:
                await exchange.chunk(event + b"\n\n")
                call.pieces_sent += 1
        await exchange.end_chunked()


def _case_id(exchange: Exchange, call: Call) -> str:
    parts = exchange.path.split("/")
    if len(parts) > 2 and parts[1] == "cases":
        return parts[2]
    if named := exchange.headers.get("x-standin-case", ""):
        return named
    return call.model.removeprefix("case-") if call.model.startswith("case-") else ""


def _lenient(body: Any) -> dict[str, Any]:
    fields = body if isinstance(body, dict) else {}
    messages = fields.get("messages")
    is_usable = isinstance(messages, list) and all(
        isinstance(message, dict) and "role" in message for message in messages
    )
    return {
        **fields,
        "model": fields.get("model", ""),
        "messages": messages if is_usable and messages else [{"role": "user"}],
    }


async def _json(exchange: Exchange, status: int, value: Any) -> None:
    await exchange.respond(status, json.dumps(value).encode(), _JSON)


async def _refuse(exchange: Exchange, refusal: Refusal) -> None:
    await _json(exchange, refusal.status, refusal.body())


async def _serve(arguments: argparse.Namespace) -> None:
    keys = frozenset(arguments.key) if arguments.key else None
    async with OpenAIProvider(port=arguments.port, cases_folder=arguments.cases, keys=keys) as provider:
        sys.stdout.write(json.dumps({"base_url": provider.base_url}) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cases", type=pathlib.Path, default=cases.OPENAI_CHAT)
    parser.add_argument("--key", action="append", help="accept only this key (may be repeated)")
    try:
        asyncio.run(_serve(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
