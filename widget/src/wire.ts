/**
 * The widget's HTTP contract: the configuration, and one message with its streamed reply. Everything the server sends is
 * read through the small parsers here, so the rest of the widget can trust its types.
 */

import { EventParser, type ServerEvent } from "./sse.ts";

export interface WidgetConfig {
  title: string;
  subtitle: string;
  greeting: string;
  accentColor: string;
  position: "left" | "right";
  locale: string;
  placeholder: string;
  aiNotice: string;
  suggestions: string[];
}

export interface Source {
  kind: "model" | "knowledge" | "default";
  title?: string;
  citations: string[];
}

export interface Reply {
  messageId: number;
  text: string;
  conversationId: number;
  visitorToken: string;
  source: Source | null;
  notice: string;
  suggestions: string[];
}

export interface Outgoing {
  text: string;
  conversationId: number | null;
  visitorToken: string;
}

export interface ReplyHandler {
  started(conversationId: number, visitorToken: string): void;
  delta(text: string): void;
}

/** Why a message got no reply. `code` is the server's, or one of: offline, network, timeout, interrupted, invalid_reply. */
export class WireError extends Error {
  constructor(
    readonly code: string,
    readonly publicMessage = "",
    readonly status = 0,
    readonly retryAfterS: number | null = null,
  ) {
    super(code);
  }
}

/** Longer than a model may think before its first word; the server sends comments while it waits. */
const SILENCE_LIMIT_MS = 60_000;

export class Wire {
  constructor(
    private readonly baseUrl: string,
    private readonly widgetKey: string,
  ) {}

  /** Reads the widget's configuration. WireError with status 403 or 404 when this widget must not be shown here. */
  async config(): Promise<WidgetConfig> {
    const response = await this.fetch("config", { headers: { Accept: "application/json" } });
    if (!response.ok) throw await refusal(response);
    return readConfig(await response.json().catch(() => ({})));
  }

  /** Sends one message and reports its reply as it comes. Resolves with the whole reply, or throws WireError. */
  async send(outgoing: Outgoing, handler: ReplyHandler, abort: AbortController): Promise<Reply> {
    const watch = new SilenceWatch(abort);
    try {
      const response = await this.fetch("message", {
        method: "POST",
        headers: { Accept: "text/event-stream", "Content-Type": "application/json" },
        body: JSON.stringify(outgoingJson(outgoing)),
        signal: abort.signal,
      });
      if (!response.ok) throw await refusal(response);
      const type = response.headers.get("Content-Type") ?? "";
      if (!type.startsWith("text/event-stream")) return readReply(await response.json());
      return await readStream(response, handler, watch);
    } catch (error) {
      if (error instanceof WireError) throw error;
      if (watch.expired) throw new WireError("timeout");
      throw new WireError(error instanceof SyntaxError ? "invalid_reply" : "interrupted");
    } finally {
      watch.stop();
    }
  }

  private async fetch(path: string, init: RequestInit): Promise<Response> {
    const url = `${this.baseUrl}/api/chat-widget/public/widget/${encodeURIComponent(this.widgetKey)}/${path}`;
    try {
      return await fetch(url, { ...init, credentials: "omit", referrerPolicy: "strict-origin-when-cross-origin" });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new WireError(navigator.onLine === false ? "offline" : "network");
    }
  }
}

/** Aborts a request when nothing has come for too long; a total limit would cut long replies. */
class SilenceWatch {
  expired = false;
  private timer = 0;

  constructor(private readonly abort: AbortController) {
    this.heard();
  }

  heard(): void {
    this.stop();
    this.timer = window.setTimeout(() => {
      this.expired = true;
      this.abort.abort();
    }, SILENCE_LIMIT_MS);
  }

  stop(): void {
    window.clearTimeout(this.timer);
  }
}

async function readStream(response: Response, handler: ReplyHandler, watch: SilenceWatch): Promise<Reply> {
  if (!response.body) throw new WireError("interrupted");
  const reader = response.body.getReader();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new WireError("interrupted");
      watch.heard();
      for (const event of parser.push(value)) {
        const reply = readEvent(event, handler);
        if (reply) return reply;
      }
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function readEvent(event: ServerEvent, handler: ReplyHandler): Reply | null {
  if (event.event === "delta") {
    const text = record(JSON.parse(event.data))["text"];
    if (typeof text === "string" && text) handler.delta(text);
  } else if (event.event === "start") {
    const start = record(JSON.parse(event.data));
    const id = start["conversation_id"];
    if (typeof id === "number") handler.started(id, string(start["visitor_token"]));
  } else if (event.event === "message") {
    return readReply(JSON.parse(event.data));
  } else if (event.event === "error") {
    const error = record(record(JSON.parse(event.data))["error"]);
    throw new WireError(string(error["code"]) || "failed", string(error["message"]));
  }
  return null;
}

async function refusal(response: Response): Promise<WireError> {
  const error = record(record(await response.json().catch(() => ({})))["error"]);
  const retryAfter = Number(response.headers.get("Retry-After") ?? NaN);
  return new WireError(
    string(error["code"]),
    string(error["message"]),
    response.status,
    Number.isFinite(retryAfter) && retryAfter > 0 ? Math.ceil(retryAfter) : null,
  );
}

function outgoingJson(outgoing: Outgoing): Record<string, unknown> {
  if (outgoing.conversationId === null) return { message_text: outgoing.text };
  return {
    conversation_id: outgoing.conversationId,
    message_text: outgoing.text,
    visitor_token: outgoing.visitorToken,
  };
}

export function readConfig(value: unknown): WidgetConfig {
  const json = record(value);
  return {
    title: string(json["title"]),
    subtitle: string(json["subtitle"]),
    greeting: string(json["greeting"]),
    accentColor: string(json["accent_color"]),
    position: json["position"] === "left" ? "left" : "right",
    locale: string(json["locale"]) || "en",
    placeholder: string(json["placeholder"]),
    aiNotice: string(json["ai_notice"]),
    suggestions: strings(json["suggestions"], 3),
  };
}

export function readReply(value: unknown): Reply {
  const json = record(value);
  const conversationId = json["conversation_id"];
  const text = json["response"];
  if (typeof conversationId !== "number" || typeof text !== "string") throw new WireError("invalid_reply");
  return {
    messageId: typeof json["message_id"] === "number" ? json["message_id"] : 0,
    text,
    conversationId,
    visitorToken: string(json["visitor_token"]),
    source: readSource(json["source"]),
    notice: string(json["notice"]),
    suggestions: strings(json["suggestions"], 4),
  };
}

export function readSource(value: unknown): Source | null {
  const json = record(value);
  const kind = json["kind"];
  if (kind !== "model" && kind !== "knowledge" && kind !== "default") return null;
  const listed = Array.isArray(json["citations"]) ? json["citations"] : [];
  const citations = strings(
    listed.map((citation) => (typeof citation === "string" ? citation : record(citation)["title"])),
    3,
  );
  const title = string(json["title"]);
  return title ? { kind, title, citations } : { kind, citations };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function strings(value: unknown, most: number): string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is string => typeof item === "string" && item.trim() !== "").slice(0, most);
}
