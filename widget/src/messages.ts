/** How one message looks: bubble, typing dots, source line, notice, error with its retry. Text goes in as text nodes. */

import { type Entry, isRetryable } from "./chat.ts";
import { element, icon, renderBlocks } from "./dom.ts";
import { parse } from "./markdown.ts";
import { fill, type Strings } from "./strings.ts";
import type { Source, WireError } from "./wire.ts";

const BOOK = ["M4 5.5A2.5 2.5 0 0 1 6.5 3H20v15H6.5A2.5 2.5 0 0 0 4 20.5z", "M4 20.5A2.5 2.5 0 0 0 6.5 21H20v-3"];
const SPARK = ["M12 3l1.9 5.6a2.5 2.5 0 0 0 1.5 1.5L21 12l-5.6 1.9a2.5 2.5 0 0 0-1.5 1.5L12 21l-1.9-5.6a2.5 2.5 0 0 0-1.5-1.5L3 12l5.6-1.9a2.5 2.5 0 0 0 1.5-1.5z"];

export class MessageView {
  readonly node: HTMLElement;
  private readonly bubble: HTMLElement;
  private shown: string[] = [];
  private frame = 0;

  constructor(
    private readonly entry: Entry,
    private readonly strings: Strings,
    private readonly retry: (entry: Entry) => void,
  ) {
    const author = element("span", { class: "unseen" }, `${entry.role === "user" ? strings.you : strings.assistant}: `);
    this.bubble = element("div", { class: "bubble", dir: "auto" });
    this.node = element("div", { class: `message ${entry.role}` }, author, this.bubble);
    this.render();
  }

  /** Shows the entry's present state; pieces of a stream are gathered to one drawing per frame. */
  update(): void {
    if (this.entry.state !== "streaming") {
      cancelAnimationFrame(this.frame);
      this.frame = 0;
      this.render();
    } else if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.render();
      });
    }
  }

  private render(): void {
    const { entry, bubble, node } = this;
    while (bubble.nextSibling) bubble.nextSibling.remove();
    bubble.hidden = entry.state === "failed" && !entry.text;
    if (entry.role === "user") {
      bubble.textContent = entry.text;
      return;
    }
    if (entry.state === "waiting") {
      bubble.replaceChildren(typing(this.strings));
      return;
    }
    if (!this.shown.length) bubble.replaceChildren();
    this.shown = renderBlocks(bubble, parse(entry.text, entry.state === "streaming"), this.shown);
    if (entry.state === "done" && entry.source) node.append(...sourceLine(entry.source, this.strings));
    if (entry.notice) node.append(element("div", { class: "aside" }, entry.notice));
    if (entry.error) node.append(this.problem(entry.error));
  }

  private problem(error: WireError): HTMLElement {
    const box = element("div", { class: "error" }, element("span", {}, wordsFor(error, this.strings)));
    if (isRetryable(error)) {
      const button = element("button", { type: "button" }, this.strings.retry);
      button.addEventListener("click", () => this.retry(this.entry), { once: true });
      box.append(button);
    }
    return box;
  }
}

function typing(strings: Strings): HTMLElement {
  const dots = element("div", { class: "dots", "aria-hidden": "true" }, element("i"), element("i"), element("i"));
  return element("div", {}, dots, element("span", { class: "unseen" }, strings.typing));
}

function sourceLine(source: Source, strings: Strings): HTMLElement[] {
  const line = (drawing: SVGSVGElement | null, text: string): HTMLElement[] => [
    element("div", { class: "source", dir: "auto" }, drawing, element("span", {}, text)),
  ];
  if (source.kind === "knowledge") {
    const title = source.title ?? source.citations.join(", ");
    return title ? line(icon(...BOOK), fill(strings.from, { title })) : [];
  }
  if (source.kind === "default") return line(null, strings.automatic);
  const titles = source.citations.join(", ");
  return line(icon(...SPARK), titles ? fill(strings.basedOn, { titles }) : strings.aiAnswer);
}

/** Says what went wrong and what to do, in the visitor's language; the server's own words for a code we do not know. */
export function wordsFor(error: WireError, strings: Strings): string {
  const byCode: Record<string, string> = {
    offline: strings.offline,
    network: strings.network,
    interrupted: strings.interrupted,
    timeout: strings.timeout,
    message_too_long: strings.tooLong,
    body_too_large: strings.tooLong,
    origin_not_allowed: strings.notAllowed,
    widget_not_found: strings.gone,
    unavailable: strings.unavailable,
  };
  if (error.status === 429) return error.publicMessage || strings.busy;
  if (error.status === 503 && error.retryAfterS !== null) {
    return fill(strings.unavailableIn, { seconds: String(error.retryAfterS) });
  }
  return byCode[error.code] ?? (error.publicMessage || strings.failed);
}
