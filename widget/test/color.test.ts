import assert from "node:assert/strict";
import { test } from "node:test";
import { contrast, DEFAULT_ACCENT, palette, parseHex } from "../src/color.ts";

test("text on the accent is readable whatever the accent is", () => {
  for (let value = 0; value < 0x1000; value += 7) {
    const accent = `#${value.toString(16).padStart(3, "0")}`;
    const colors = palette(accent);
    const pairs: [string, string][] = [
      [colors.onAccent, colors.accent],
      [colors.onAccent, colors.accentDeep],
      [colors.linkLight, "#f1f3f5"],
      [colors.linkDark, "#2a2f36"],
    ];
    for (const [front, back] of pairs) {
      const ratio = contrast(parseHex(front) ?? [0, 0, 0], parseHex(back) ?? [0, 0, 0]);
      assert.ok(ratio >= 4.5, `${accent}: ${front} on ${back} is ${ratio.toFixed(2)}`);
    }
  }
});

test("what is no colour becomes the default", () => {
  for (const value of [null, "", "red", "#12", "#12345g", "url(x)", "#fff;background:url(//x)", 7]) {
    assert.equal(palette(value).accent, DEFAULT_ACCENT);
  }
});

test("short colours are understood", () => assert.deepEqual(parseHex("#0fA"), [0, 255, 170]));
