import assert from "node:assert/strict";
import { test } from "node:test";
import { parse, safeHref } from "../src/markdown.ts";

test("paragraphs, line breaks and emphasis", () => {
  assert.deepEqual(parse("We are **open *now***\nuntil `6 pm`.\n\nSee you_there_soon"), [
    {
      type: "p",
      children: [
        "We are ",
        { type: "strong", children: ["open ", { type: "em", children: ["now"] }] },
        { type: "br" },
        "until ",
        { type: "code", text: "6 pm" },
        ".",
      ],
    },
    { type: "p", children: ["See you_there_soon"] },
  ]);
});

test("lists keep their start, one level of depth and their blank lines", () => {
  assert.deepEqual(parse("3. Tulips\n   - red\n\n4. Roses\n\n* one"), [
    {
      type: "ol",
      start: 3,
      items: [
        { depth: 0, children: ["Tulips"] },
        { depth: 1, children: ["red"] },
        { depth: 0, children: ["Roses"] },
      ],
    },
    { type: "ul", items: [{ depth: 0, children: ["one"] }] },
  ]);
});

test("fenced code stays as it is, closed or not", () => {
  assert.deepEqual(parse("```html\n<b>*x*</b>\n```\nend"), [
    { type: "code", text: "<b>*x*</b>" },
    { type: "p", children: ["end"] },
  ]);
  assert.deepEqual(parse("```\nhalf"), [{ type: "code", text: "half" }]);
});

test("headings and quotes", () => {
  assert.deepEqual(parse("## Hours\n> Mon\n> Tue"), [
    { type: "heading", children: ["Hours"] },
    { type: "quote", children: ["Mon", { type: "br" }, "Tue"] },
  ]);
});

test("links are made of http, https and mailto only", () => {
  assert.deepEqual(parse("[a](https://x.example/p_(1)) [b](javascript:alert(1)) [c](/relative) ![i](https://x.example/i.png)"), [
    {
      type: "p",
      children: [
        { type: "link", href: "https://x.example/p_(1)", children: ["a"] },
        " ",
        "b",
        " ",
        "c",
        " ",
        { type: "link", href: "https://x.example/i.png", children: ["i"] },
      ],
    },
  ]);
});

test("a bare address becomes a link without the sentence's full stop", () => {
  assert.deepEqual(parse("(see https://shop.example/a?b=1&c=2)."), [
    {
      type: "p",
      children: [
        "(see ",
        { type: "link", href: "https://shop.example/a?b=1&c=2", children: ["https://shop.example/a?b=1&c=2"] },
        ").",
      ],
    },
  ]);
});

test("a bare e-mail address can be written to", () => {
  assert.deepEqual(parse("Write to hello@shop.example. Not @home or a@b."), [
    {
      type: "p",
      children: [
        "Write to ",
        { type: "link", href: "mailto:hello@shop.example", children: ["hello@shop.example"] },
        ". Not @home or a@b.",
      ],
    },
  ]);
});

test("a link cannot hide in a link", () => {
  assert.deepEqual(parse("[https://good.example](https://evil.example)"), [
    { type: "p", children: [{ type: "link", href: "https://evil.example/", children: ["https://good.example"] }] },
  ]);
});

for (const raw of [
  "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "\u0001javascript:alert(1)", " https://x.example",
  "data:text/html,x", "vbscript:x", "//x.example", "/x", "x", "", "https://", "blob:https://x.example/1", "file:///etc/passwd",
  `https://x.example/${"a".repeat(3000)}`,
]) {
  test(`no link to ${JSON.stringify(raw.slice(0, 40))}`, () => assert.equal(safeHref(raw), null));
}

test("markup is text", () => {
  assert.deepEqual(parse("<img src=x onerror=alert(1)>"), [{ type: "p", children: ["<img src=x onerror=alert(1)>"] }]);
});

test("while streaming, open bold and half a link do not show their marks", () => {
  assert.deepEqual(parse("We are **op", true), [{ type: "p", children: ["We are ", { type: "strong", children: ["op"] }] }]);
  assert.deepEqual(parse("See [hours](https://x.ex", true), [{ type: "p", children: ["See ", "hours"] }]);
  assert.deepEqual(parse("We are **op"), [{ type: "p", children: ["We are **op"] }]);
});

test("lone marks stay text", () => {
  assert.deepEqual(parse("2 * 3 * 4 = 24, a_b, *, **, \\*x\\*"), [{ type: "p", children: ["2 * 3 * 4 = 24, a_b, *, **, *x*"] }]);
});

test("hostile repetition is parsed in linear time", () => {
  for (const unit of ["*", "**a ", "_", "[", "[a](", "`", "![", "> ", "- ", "https://", "(", "\\", "*a **b ", "@", "a@", "a.b@c."]) {
    const started = process.cpuUsage().user;
    parse(unit.repeat(Math.ceil(40_000 / unit.length)));
    assert.ok(process.cpuUsage().user - started < 1_500_000, `${unit} took too long`);
  }
});
