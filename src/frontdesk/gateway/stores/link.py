"""One connection to Redis that sends many commands at once and reads their answers, each within a deadline.

It owns the connection and the loading of scripts; what the commands mean is not its business. redis-py connects,
authenticates and reads; commands are packed by hiredis, which takes 4 µs for one that takes redis-py 28.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import hiredis
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

Command = tuple[str | bytes | int, ...]
"""A command and its arguments."""


class LinkBroken(Exception):
    """The connection is gone; which of the commands were carried out is not known."""

    def __init__(self, reason: str, *, hung: bool) -> None:
        super().__init__(reason)
        self.hung = hung
        """The server did not answer in time; otherwise it, or the way to it, ended the connection."""


class RedisLink:
    """A connection that is made when it is needed. Belongs to one task."""

    def __init__(self, url: str, *, scripts: Mapping[str, str], timeout_s: float) -> None:
        """Take the server's address (redis:, rediss: or unix:) and scripts by digest. ValueError for the address."""
        self._scripts = scripts
        self._timeout_s = timeout_s
        # The deadline is one for a whole exchange; redis-py's own would cost a timer for each answer.
        self._pool = ConnectionPool.from_url(
            url,
            socket_timeout=None,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            decode_responses=False,
        )
        self._connection: AbstractConnection | None = None

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands together and give their answers in order; an answer may be a ResponseError. LinkBroken."""
        fresh = self._connection is None
        try:
            return await self._attempt(commands)
        except LinkBroken as error:
            if fresh or error.hung:
                raise
        # A connection that lay idle may have ended without a word; our commands can be carried out twice.
        return await self._attempt(commands)

    async def close(self) -> None:
        """Close the connection at once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    async def _attempt(self, commands: Sequence[Command]) -> list[Any]:
        try:
            async with asyncio.timeout(self._timeout_s):
                answers = await self._send(commands)
                unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
                if unknown:
                    await self._send([("SCRIPT", "LOAD", text) for text in self._scripts.values()])
                    again = await self._send([commands[place] for place in unknown])
                    for place, answer in zip(unknown, again, strict=True):
                        answers[place] = answer
                return answers
        except (RedisError, OSError, TimeoutError) as error:
            await self.close()
            # Not the error's own text: it names the server.
            raise LinkBroken(type(error).__name__, hung=isinstance(error, TimeoutError)) from error
        except asyncio.CancelledError:
            await self.close()
            raise

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._pool.make_connection()  # type: ignore[no-untyped-call] # redis-py's
            await connection.connect()
        # hiredis' own annotation says a tuple of one.
        packed = [hiredis.pack_command(command) for command in commands]  # type: ignore[arg-type]
        await connection.send_packed_command(packed)
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except ResponseError as error:
                answers.append(error)
        return answers
