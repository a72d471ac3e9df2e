/**
 * Server-sent events from a byte stream, as the WHATWG "interpreting an event stream" rules say, except that an event
 * without data is dropped silently. Bytes may be cut anywhere: inside a UTF-8 character, between CR and LF, in a field.
 */

export interface ServerEvent {
  event: string;
  data: string;
  id: string;
}

/** More than any reply needs; a stream that never ends a line must not fill the visitor's memory. */
const MAX_PENDING_CHARS = 1_000_000;

export class EventParser {
  private readonly decoder = new TextDecoder();
  private pending = "";
  private afterCr = false;
  private event = "";
  private data: string[] = [];
  private dataChars = 0;
  private id = "";

  /** Takes the next bytes and gives the events they complete. RangeError when one event grows beyond all sense. */
  push(bytes: Uint8Array): ServerEvent[] {
    return this.feed(this.decoder.decode(bytes, { stream: true }));
  }

  private feed(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    if (this.afterCr && text) {
      this.afterCr = false;
      if (text[0] === "\n") text = text.slice(1);
    }
    const buffer = this.pending + text;
    const ends = /\r\n|\r|\n/g;
    // A line end cannot be in what was pending, so that a long line is scanned once.
    ends.lastIndex = this.pending.length;
    let start = 0;
    for (let match = ends.exec(buffer); match; match = ends.exec(buffer)) {
      this.line(buffer.slice(start, match.index), events);
      start = ends.lastIndex;
      this.afterCr = match[0] === "\r" && start === buffer.length;
    }
    this.pending = buffer.slice(start);
    if (this.pending.length + this.dataChars > MAX_PENDING_CHARS) throw new RangeError("event too large");
    return events;
  }

  private line(line: string, events: ServerEvent[]): void {
    if (line === "") {
      if (this.data.length) events.push({ event: this.event || "message", data: this.data.join("\n"), id: this.id });
      this.event = "";
      this.data = [];
      this.dataChars = 0;
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value[0] === " ") value = value.slice(1);
    if (field === "data") {
      this.data.push(value);
      this.dataChars += value.length;
    } else if (field === "event") this.event = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
  }
}
