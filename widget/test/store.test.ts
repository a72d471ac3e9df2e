import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyChat, MAX_MESSAGES, type Shelf, Store } from "../src/store.ts";

class MemoryShelf implements Shelf {
  readonly items = new Map<string, string>();
  getItem(name: string): string | null {
    return this.items.get(name) ?? null;
  }
  setItem(name: string, value: string): void {
    this.items.set(name, value);
  }
  removeItem(name: string): void {
    this.items.delete(name);
  }
}

const message = (text: string) => ({ role: "user" as const, text, source: null, notice: "" });

test("a chat is kept per widget key", () => {
  const shelf = new MemoryShelf();
  const chat = { conversationId: 7, visitorToken: "t", messages: [message("hello")] };
  new Store("wk_a", () => shelf).save(chat);
  assert.deepEqual(new Store("wk_a", () => shelf).load(), chat);
  assert.deepEqual(new Store("wk_b", () => shelf).load(), emptyChat());
});

test("only the last messages are kept", () => {
  const store = new Store("wk_a", () => shelf);
  const shelf = new MemoryShelf();
  store.save({ conversationId: 1, visitorToken: "", messages: Array.from({ length: 70 }, (_, at) => message(String(at))) });
  const kept = store.load().messages;
  assert.equal(kept.length, MAX_MESSAGES);
  assert.equal(kept[0]?.text, "20");
});

test("damaged or foreign content is an empty chat", () => {
  const shelf = new MemoryShelf();
  const store = new Store("wk_a", () => shelf);
  for (const text of ["{", "7", "[]", '{"messages":7}', '{"messages":[null,{"role":"admin","text":"x"},{"role":"user"}]}']) {
    shelf.setItem(store.name, text);
    assert.deepEqual(store.load(), emptyChat());
  }
});

test("denied storage costs nothing but memory", () => {
  const store = new Store("wk_a", () => {
    throw new DOMException("denied", "SecurityError");
  });
  store.save(emptyChat());
  store.clear();
  assert.deepEqual(store.load(), emptyChat());
});
