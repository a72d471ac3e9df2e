import assert from "node:assert/strict";
import { test } from "node:test";
import { EventParser, type ServerEvent } from "../src/sse.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function parseAll(text: string, size: number): ServerEvent[] {
  const bytes = encode(text);
  const parser = new EventParser();
  const events: ServerEvent[] = [];
  for (let at = 0; at < bytes.length; at += size) events.push(...parser.push(bytes.slice(at, at + size)));
  return events;
}

const STREAM =
  "\ufeff: hello\r\n\r\nevent: start\r\nid: 1\r\ndata: {\"a\":1}\r\n\r\n" +
  "event: delta\rdata: caf\u00e9 \u{1f33c}\rdata:second\r\rid: 9\ndata\n\nretry: 5\nevent: nothing\n\ndata:  two spaces\n\n";

const EXPECTED: ServerEvent[] = [
  { event: "start", data: '{"a":1}', id: "1" },
  { event: "delta", data: "caf\u00e9 \u{1f33c}\nsecond", id: "1" },
  { event: "message", data: "", id: "9" },
  { event: "message", data: " two spaces", id: "9" },
];

for (const size of [1, 2, 3, 5, 7, 1000]) {
  test(`the same events come out of pieces of ${size} bytes`, () => {
    assert.deepEqual(parseAll(STREAM, size), EXPECTED);
  });
}

test("an event that the stream cuts off is not reported", () => {
  assert.deepEqual(parseAll("data: whole\n\ndata: cut", 4), [{ event: "message", data: "whole", id: "" }]);
});

test("an endless line is refused", () => {
  const parser = new EventParser();
  assert.throws(() => {
    for (let round = 0; round < 20; round += 1) parser.push(encode("x".repeat(100_000)));
  }, RangeError);
});

test("an id with a null character is ignored", () => {
  assert.deepEqual(parseAll("id: a\0b\ndata: x\n\n", 100), [{ event: "message", data: "x", id: "" }]);
});
