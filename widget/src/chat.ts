/**
 * One visitor's conversation: its messages, the reply under way, what failed. Knows the wire and the store, no DOM;
 * tells its view what changed. At most one message is under way at a time.
 */

import { MAX_MESSAGES, type Store, type StoredChat } from "./store.ts";
import { type Outgoing, type Reply, type ReplyHandler, type Source, WireError } from "./wire.ts";

export interface Entry {
  id: number;
  role: "user" | "assistant";
  text: string;
  state: "waiting" | "streaming" | "done" | "failed";
  source: Source | null;
  notice: string;
  suggestions: string[];
  error: WireError | null;
}

export interface ChatView {
  /** The list of messages is another one now: show it anew. */
  reset(): void;
  added(entry: Entry): void;
  changed(entry: Entry): void;
  removed(entry: Entry): void;
}

export interface MessageWire {
  send(outgoing: Outgoing, handler: ReplyHandler, abort: AbortController): Promise<Reply>;
}

/** Asking again cannot help with these. */
const FINAL_CODES = new Set(["message_too_long", "message_required", "origin_not_allowed", "widget_not_found"]);

export function isRetryable(error: WireError): boolean {
  return !FINAL_CODES.has(error.code);
}

export class Chat {
  entries: Entry[] = [];
  view: ChatView | null = null;
  private conversationId: number | null = null;
  private visitorToken = "";
  private underWay: AbortController | null = null;
  private lastId = 0;

  constructor(
    private readonly wire: MessageWire,
    private readonly store: Store,
  ) {
    this.restore();
  }

  get isBusy(): boolean {
    return this.underWay !== null;
  }

  get conversation(): number | null {
    return this.conversationId;
  }

  /** Takes up what the store holds. A question without a reply (the page was left) shows as interrupted. */
  restore(): void {
    if (this.isBusy) return;
    const saved = this.store.load();
    this.conversationId = saved.conversationId;
    this.visitorToken = saved.visitorToken;
    this.entries = saved.messages.map((message) => this.entry(message.role, message.text, "done", message));
    if (this.entries.length && this.entries[this.entries.length - 1]?.role === "user") {
      this.entries.push({ ...this.entry("assistant", "", "failed"), error: new WireError("interrupted") });
    }
    this.view?.reset();
  }

  /** Sends a message. False when it is empty or a reply is still under way. */
  send(text: string): boolean {
    const trimmed = text.trim();
    if (!trimmed || this.isBusy) return false;
    const last = this.entries[this.entries.length - 1];
    if (last?.state === "failed") this.remove(last);
    this.add(this.entry("user", trimmed, "done"));
    this.save();
    void this.ask(trimmed);
    return true;
  }

  /** Sends the question of a failed reply again, once; later calls for the same entry do nothing. */
  retry(failed: Entry): boolean {
    const at = this.entries.indexOf(failed);
    const question = this.entries[at - 1];
    if (this.isBusy || failed.state !== "failed" || question?.role !== "user") return false;
    this.remove(failed);
    void this.ask(question.text);
    return true;
  }

  /** Forgets the conversation on this device and stops a reply under way. */
  restart(): void {
    this.underWay?.abort();
    this.underWay = null;
    this.conversationId = null;
    this.visitorToken = "";
    this.entries = [];
    this.store.clear();
    this.view?.reset();
  }

  private async ask(text: string): Promise<void> {
    const abort = new AbortController();
    this.underWay = abort;
    const entry = this.add(this.entry("assistant", "", "waiting"));
    try {
      this.finish(entry, await this.askOnce(text, entry, abort), abort);
    } catch (error) {
      if (this.underWay !== abort) return;
      this.underWay = null;
      entry.error = error instanceof WireError ? error : new WireError("failed");
      entry.state = "failed";
      this.view?.changed(entry);
    }
  }

  private async askOnce(text: string, entry: Entry, abort: AbortController): Promise<Reply> {
    const handler: ReplyHandler = {
      started: (conversationId, visitorToken) => this.belongTo(conversationId, visitorToken, abort),
      delta: (piece) => {
        if (this.underWay !== abort) return;
        entry.text += piece;
        entry.state = "streaming";
        this.view?.changed(entry);
      },
    };
    const send = (): Promise<Reply> =>
      this.wire.send({ text, conversationId: this.conversationId, visitorToken: this.visitorToken }, handler, abort);
    try {
      return await send();
    } catch (error) {
      const isStale = error instanceof WireError && error.code === "visitor_session_required";
      if (!isStale || this.conversationId === null) throw error;
      // The server no longer knows this visitor: nothing was stored, so the message starts a conversation of its own.
      this.conversationId = null;
      this.visitorToken = "";
      return await send();
    }
  }

  private finish(entry: Entry, reply: Reply, abort: AbortController): void {
    if (this.underWay !== abort) return;
    this.belongTo(reply.conversationId, reply.visitorToken, abort);
    this.underWay = null;
    entry.text = reply.text;
    entry.source = reply.source;
    entry.notice = reply.notice;
    entry.suggestions = reply.suggestions;
    entry.state = "done";
    this.save();
    this.view?.changed(entry);
  }

  private belongTo(conversationId: number, visitorToken: string, abort: AbortController): void {
    if (this.underWay !== abort) return;
    this.conversationId = conversationId;
    if (visitorToken) this.visitorToken = visitorToken;
    this.save();
  }

  private add(entry: Entry): Entry {
    this.entries.push(entry);
    this.view?.added(entry);
    while (this.entries.length > MAX_MESSAGES) this.remove(this.entries[0] as Entry);
    return entry;
  }

  private remove(entry: Entry): void {
    this.entries = this.entries.filter((other) => other !== entry);
    this.view?.removed(entry);
  }

  private entry(role: Entry["role"], text: string, state: Entry["state"], from?: Partial<Entry>): Entry {
    this.lastId += 1;
    return {
      id: this.lastId,
      role,
      text,
      state,
      source: from?.source ?? null,
      notice: from?.notice ?? "",
      suggestions: [],
      error: null,
    };
  }

  private save(): void {
    const chat: StoredChat = {
      conversationId: this.conversationId,
      visitorToken: this.visitorToken,
      messages: this.entries
        .filter((entry) => entry.state === "done")
        .map(({ role, text, source, notice }) => ({ role, text, source, notice })),
    };
    this.store.save(chat);
  }
}
