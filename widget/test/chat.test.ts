import assert from "node:assert/strict";
import { test } from "node:test";
import { Chat, type MessageWire } from "../src/chat.ts";
import { Store } from "../src/store.ts";
import { type Outgoing, type Reply, type ReplyHandler, WireError } from "../src/wire.ts";

const REPLY: Reply = {
  messageId: 12, text: "We are open.", conversationId: 7, visitorToken: "token",
  source: { kind: "knowledge", title: "Opening hours", citations: [] }, notice: "", suggestions: [],
};

/** Answers each message with the next step of a script. */
class ScriptedWire implements MessageWire {
  readonly sent: Outgoing[] = [];
  constructor(private readonly steps: ((handler: ReplyHandler) => Reply)[]) {}
  async send(outgoing: Outgoing, handler: ReplyHandler): Promise<Reply> {
    this.sent.push(outgoing);
    const step = this.steps.shift();
    assert.ok(step, "one message too many");
    return step(handler);
  }
}

const fail = (code: string) => (): Reply => {
  throw new WireError(code);
};
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function memoryStore(): Store {
  const items = new Map<string, string>();
  return new Store("wk_a", () => ({
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => void items.set(name, value),
    removeItem: (name) => void items.delete(name),
  }));
}

test("the second message goes on with the first one's conversation", async () => {
  const wire = new ScriptedWire([() => REPLY, () => REPLY]);
  const chat = new Chat(wire, memoryStore());
  assert.equal(chat.send(" Hours? "), true);
  await settled();
  chat.send("And Sunday?");
  await settled();
  assert.deepEqual(wire.sent, [
    { text: "Hours?", conversationId: null, visitorToken: "" },
    { text: "And Sunday?", conversationId: 7, visitorToken: "token" },
  ]);
  assert.deepEqual(chat.entries.map((entry) => [entry.role, entry.text, entry.state]), [
    ["user", "Hours?", "done"], ["assistant", "We are open.", "done"],
    ["user", "And Sunday?", "done"], ["assistant", "We are open.", "done"],
  ]);
});

test("one message at a time, and no empty one", async () => {
  const wire = new ScriptedWire([() => REPLY]);
  const chat = new Chat(wire, memoryStore());
  assert.equal(chat.send("  \n"), false);
  assert.equal(chat.send("one"), true);
  assert.equal(chat.send("two"), false);
  await settled();
  assert.equal(wire.sent.length, 1);
});

test("retry sends the question once more, however often it is asked", async () => {
  const wire = new ScriptedWire([fail("network"), () => REPLY]);
  const chat = new Chat(wire, memoryStore());
  chat.send("Hours?");
  await settled();
  const failed = chat.entries[1];
  assert.equal(failed?.state, "failed");
  assert.ok(failed);
  assert.deepEqual([chat.retry(failed), chat.retry(failed)], [true, false]);
  await settled();
  assert.equal(chat.retry(failed), false);
  assert.deepEqual(wire.sent.map((outgoing) => outgoing.text), ["Hours?", "Hours?"]);
  assert.deepEqual(chat.entries.map((entry) => entry.text), ["Hours?", "We are open."]);
});

test("a visitor whom the server no longer knows starts a new conversation at once", async () => {
  const wire = new ScriptedWire([() => REPLY, fail("visitor_session_required"), () => ({ ...REPLY, conversationId: 8 })]);
  const chat = new Chat(wire, memoryStore());
  chat.send("one");
  await settled();
  chat.send("two");
  await settled();
  assert.deepEqual(wire.sent.map((outgoing) => outgoing.conversationId), [null, 7, null]);
  assert.equal(chat.conversation, 8);
});

test("a stream that breaks keeps the conversation that it named", async () => {
  const store = memoryStore();
  const wire = new ScriptedWire([
    (handler) => {
      handler.started(7, "token");
      handler.delta("We ");
      throw new WireError("interrupted");
    },
    () => REPLY,
  ]);
  const chat = new Chat(wire, store);
  chat.send("Hours?");
  await settled();
  assert.deepEqual([chat.entries[1]?.text, chat.entries[1]?.state], ["We ", "failed"]);
  const reloaded = new Chat(wire, store);
  const failed = reloaded.entries[1];
  assert.ok(failed);
  assert.equal(failed.error?.code, "interrupted");
  reloaded.retry(failed);
  await settled();
  assert.equal(wire.sent[1]?.conversationId, 7);
});

test("starting over forgets the conversation and the reply under way", async () => {
  const store = memoryStore();
  const wire = new ScriptedWire([() => REPLY, () => REPLY]);
  const chat = new Chat(wire, store);
  chat.send("one");
  chat.restart();
  await settled();
  assert.deepEqual(chat.entries, []);
  assert.equal(store.load().conversationId, null);
  chat.send("two");
  await settled();
  assert.equal(wire.sent[1]?.conversationId, null);
});
