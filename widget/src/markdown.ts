/**
 * Markdown-lite to a tree: paragraphs, lists, quotes, code, **bold**, *italic*, links. Pure; knows no DOM.
 * Everything that is not one of these stays text, so hostile input can only ever become text. Linear in its input.
 */

export type Inline =
  | string
  | { type: "strong" | "em"; children: Inline[] }
  | { type: "code"; text: string }
  | { type: "link"; href: string; children: Inline[] }
  | { type: "br" };

export interface Item {
  depth: 0 | 1;
  children: Inline[];
}

export type Block =
  | { type: "p" | "heading" | "quote"; children: Inline[] }
  | { type: "ul"; items: Item[] }
  | { type: "ol"; start: number; items: Item[] }
  | { type: "code"; text: string };

const MAX_DEPTH = 4;
const MAX_LINK_TEXT = 300;
const MAX_URL = 2048;
const BULLET = /^(\s*)(?:[-*+\u2022])\s+(.*)$/;
const NUMBER = /^(\s*)(\d{1,4})[.)]\s+(.*)$/;
const HEADING = /^#{1,6}\s+(.*)$/;
const QUOTE = /^>\s?(.*)$/;
const FENCE = /^\s*```/;

/** Gives an absolute http, https or mailto address, or null for all else (javascript:, data:, relative, broken). */
export function safeHref(raw: string): string | null {
  if (raw.length > MAX_URL || /[\u0000-\u0020\u007f]/.test(raw)) return null;
  if (!/^(?:https?:\/\/|mailto:)/i.test(raw)) return null;
  try {
    const url = new URL(raw);
    return url.protocol === "https:" || url.protocol === "http:" || url.protocol === "mailto:" ? url.href : null;
  } catch {
    return null;
  }
}

/** Parses a whole text. With `streaming`, marks still open at the very end count as closed, so they do not flicker. */
export function parse(source: string, streaming = false): Block[] {
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    if (!line.trim()) {
      at += 1;
    } else if (FENCE.test(line)) {
      const from = ++at;
      while (at < lines.length && !FENCE.test(lines[at] ?? "")) at += 1;
      blocks.push({ type: "code", text: lines.slice(from, at).join("\n") });
      at += 1;
    } else {
      at = takeTextBlock(lines, at, blocks, streaming);
    }
  }
  return blocks;
}

function takeTextBlock(lines: string[], at: number, blocks: Block[], streaming: boolean): number {
  const line = lines[at] ?? "";
  const open = (end: number): boolean => streaming && end >= lines.length;
  const heading = HEADING.exec(line);
  if (heading) {
    blocks.push({ type: "heading", children: inline(heading[1] ?? "", open(at + 1)) });
    return at + 1;
  }
  if (BULLET.test(line) || NUMBER.test(line)) return takeList(lines, at, blocks, streaming);
  const quoted = QUOTE.test(line);
  const texts: string[] = [];
  let end = at;
  for (; end < lines.length; end += 1) {
    const next = lines[end] ?? "";
    if (!next.trim() || QUOTE.test(next) !== quoted) break;
    if (end > at && (FENCE.test(next) || HEADING.test(next) || BULLET.test(next) || NUMBER.test(next))) break;
    texts.push(quoted ? (QUOTE.exec(next)?.[1] ?? "") : next);
  }
  blocks.push({ type: quoted ? "quote" : "p", children: inline(texts.join("\n"), open(end)) });
  return end;
}

function takeList(lines: string[], at: number, blocks: Block[], streaming: boolean): number {
  const first = NUMBER.exec(lines[at] ?? "");
  const items: Item[] = [];
  let end = at;
  while (end < lines.length) {
    const line = lines[end] ?? "";
    const bullet = BULLET.exec(line);
    const numbered = NUMBER.exec(line);
    const match = bullet ?? numbered;
    const depth = (match?.[1]?.length ?? 0) >= 2 ? 1 : 0;
    if (!match || (depth === 0 && Boolean(first) !== Boolean(numbered))) break;
    let text = (bullet ? bullet[2] : numbered?.[3]) ?? "";
    end += 1;
    // A line that is indented under an item goes on with it.
    while (end < lines.length && /^\s{2,}\S/.test(lines[end] ?? "") && !isItem(lines[end] ?? "")) {
      text += `\n${(lines[end] ?? "").trim()}`;
      end += 1;
    }
    items.push({ depth, children: inline(text, streaming && end >= lines.length) });
    // Blank lines between items do not end the list.
    let ahead = end;
    while (ahead < lines.length && !(lines[ahead] ?? "").trim()) ahead += 1;
    if (ahead > end && ahead < lines.length && isItem(lines[ahead] ?? "")) end = ahead;
  }
  blocks.push(first ? { type: "ol", start: Number(first[2]), items } : { type: "ul", items });
  return end;
}

function isItem(line: string): boolean {
  return BULLET.test(line) || NUMBER.test(line);
}

/** One run of text under the parse: where it is, what it has, and which marks are known to have no end. */
interface Run {
  text: string;
  open: boolean;
  depth: number;
  unclosed: Set<string>;
}

type Found = { node: Inline; end: number } | null;

function inline(text: string, open: boolean, depth = 0): Inline[] {
  const run: Run = { text, open, depth, unclosed: new Set() };
  const out: Inline[] = [];
  let plain = "";
  let at = 0;
  const flush = (): void => {
    if (plain) out.push(plain);
    plain = "";
  };
  while (at < text.length) {
    const char = text[at] ?? "";
    if (char === "\\" && /[\\`*_[\]()#+\-.!>]/.test(text[at + 1] ?? "")) {
      plain += text[at + 1];
      at += 2;
      continue;
    }
    const mail = char === "@" ? mailAddress(plain, text, at) : null;
    if (mail) {
      plain = plain.slice(0, plain.length - mail.local.length);
      flush();
      out.push({ type: "link", href: mail.href, children: [mail.local + text.slice(at, mail.end)] });
      at = mail.end;
      continue;
    }
    const found = char === "\n" ? { node: { type: "br" } as Inline, end: at + 1 } : mark(run, at, char);
    if (found) {
      flush();
      out.push(found.node);
      at = found.end;
    } else {
      plain += char;
      at += 1;
    }
  }
  flush();
  return out;
}

function mark(run: Run, at: number, char: string): Found {
  if (char === "`") return code(run, at);
  if (char === "*" || char === "_") return emphasis(run, at, char);
  if (char === "[") return link(run, at);
  if (char === "!" && run.text[at + 1] === "[") return link(run, at + 1);
  if (char === "h" || char === "H") return bareLink(run, at);
  return null;
}

function closing(run: Run, marker: string, from: number): number {
  if (run.unclosed.has(marker)) return -1;
  const end = run.text.indexOf(marker, from);
  if (end < 0) run.unclosed.add(marker);
  return end;
}

function code(run: Run, at: number): Found {
  let end = closing(run, "`", at + 1);
  if (end < 0 && run.open) end = run.text.length;
  if (end <= at + 1) return null;
  return { node: { type: "code", text: run.text.slice(at + 1, end) }, end: end + 1 };
}

function emphasis(run: Run, at: number, char: string): Found {
  if (run.depth >= MAX_DEPTH) return null;
  const double = run.text[at + 1] === char;
  const marker = double ? char + char : char;
  const from = at + marker.length;
  if (/\s|^$/.test(run.text[from] ?? "")) return null;
  // snake_case words are not emphasis.
  if (char === "_" && /[\p{L}\p{N}]/u.test(run.text[at - 1] ?? "")) return null;
  let end = closing(run, marker, from + 1);
  while (end > 0) {
    const isDouble = !double && run.text[end + 1] === char;
    if (!isDouble && run.text[end - 1] !== "\\") break;
    end = closing(run, marker, end + (isDouble ? 2 : marker.length));
  }
  if (end < 0 && double && run.open) end = run.text.length;
  if (end < 0 || /\s/.test(run.text[end - 1] ?? "")) return null;
  if (char === "_" && /[\p{L}\p{N}]/u.test(run.text[end + marker.length] ?? "")) return null;
  if (double && run.text[end + 2] === char) end += 1;
  const children = inline(run.text.slice(from, end), run.open && end >= run.text.length, run.depth + 1);
  return { node: { type: double ? "strong" : "em", children }, end: end + marker.length };
}

function link(run: Run, at: number): Found {
  const window = run.text.slice(at, at + MAX_LINK_TEXT + MAX_URL + 8);
  const match = /^\[([^\]\n]{1,300})\]\(\s*<?((?:[^()\s<>]|\([^()\s<>]*\))*)>?(?:\s+"[^"\n]*")?\s*\)/.exec(window);
  if (!match) {
    const partial = run.open ? /^\[([^\]\n]{1,300})\]\([^\s)]*$/.exec(window) : null;
    return partial ? { node: partial[1] ?? "", end: run.text.length } : null;
  }
  const label = match[1] ?? "";
  const href = safeHref(match[2] ?? "");
  const end = at + match[0].length;
  if (!href) return { node: label, end };
  return { node: { type: "link", href, children: inlineWithoutLinks(label, run.depth) }, end };
}

function inlineWithoutLinks(label: string, depth: number): Inline[] {
  const strip = (nodes: Inline[]): Inline[] =>
    nodes.flatMap((node) => (typeof node === "object" && node.type === "link" ? strip(node.children) : [node]));
  return strip(inline(label, false, Math.max(depth, MAX_DEPTH - 1)));
}

function bareLink(run: Run, at: number): Found {
  if (/[\p{L}\p{N}]/u.test(run.text[at - 1] ?? "")) return null;
  const match = /^https?:\/\/[^\s<>"'`*|\\^{}[\]]{1,2000}/i.exec(run.text.slice(at, at + MAX_URL));
  if (!match) return null;
  let raw = match[0].replace(/[.,;:!?\u2026]+$/, "");
  if (raw.endsWith(")") && !raw.includes("(")) raw = raw.slice(0, -1).replace(/[.,;:!?]+$/, "");
  const href = safeHref(raw);
  return href ? { node: { type: "link", href, children: [raw] }, end: at + raw.length } : null;
}

/** A bare e-mail address around the "@" at `at`; its local part is the end of the plain text before it. */
function mailAddress(plain: string, text: string, at: number): { local: string; href: string; end: number } | null {
  const local = /[\w.+-]{1,64}$/.exec(plain.slice(-65))?.[0] ?? "";
  const domain = /^@(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,63}(?![\w-])/i.exec(text.slice(at, at + 300))?.[0];
  const href = local && local.length < 65 && domain ? safeHref(`mailto:${local}${domain}`) : null;
  return href && domain ? { local, href, end: at + domain.length } : null;
}
