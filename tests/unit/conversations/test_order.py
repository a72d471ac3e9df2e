"""One answer at a time in each conversation."""

import asyncio

import pytest

from frontdesk.conversations.reply.order import ConversationOrder


async def occupy(
    order: ConversationOrder, name: str, conversation_id: int | None, log: list[str], until: asyncio.Event
):
    async with order.place(1, conversation_id):
        log.append(f"{name} in")
        await until.wait()
        log.append(f"{name} out")


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_messages_of_one_conversation_go_one_after_the_other():
    order, log, until = ConversationOrder(), [], asyncio.Event()

    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(occupy(order, name, 5, log, until))
        await settle()
        assert log == ["a in"]
        until.set()

    assert log == ["a in", "a out", "b in", "b out", "c in", "c out"]


@pytest.mark.parametrize("ids", [(5, 6), (None, None)])
async def test_others_do_not_wait(ids):
    order, log, until = ConversationOrder(), [], asyncio.Event()

    async with asyncio.TaskGroup() as group:
        for name, conversation_id in zip("ab", ids, strict=True):
            group.create_task(occupy(order, name, conversation_id, log, until))
        await settle()
        assert log == ["a in", "b in"]
        until.set()


async def test_waiting_has_an_end():
    order, log, until = ConversationOrder(max_wait_s=0), [], asyncio.Event()

    async with asyncio.TaskGroup() as group:
        group.create_task(occupy(order, "a", 5, log, until))
        await settle()
        group.create_task(occupy(order, "b", 5, log, until))
        await settle()
        assert log == ["a in", "b in"]
        until.set()


async def test_one_that_leaves_the_line_does_not_block_it():
    order, log, until = ConversationOrder(), [], asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(occupy(order, "a", 5, log, until))
        leaver = group.create_task(occupy(order, "b", 5, log, until))
        group.create_task(occupy(order, "c", 5, log, until))
        await settle()
        leaver.cancel()
        await settle()
        until.set()

    assert log == ["a in", "a out", "c in", "c out"]
    assert order._lines == {}
