/** What survives a reload: the conversation's id and token and its last messages, one record per widget key. */

import { readSource, type Source } from "./wire.ts";

export interface StoredMessage {
  role: "user" | "assistant";
  text: string;
  source: Source | null;
  notice: string;
}

export interface StoredChat {
  conversationId: number | null;
  visitorToken: string;
  messages: StoredMessage[];
}

export const MAX_MESSAGES = 50;

/** The part of the browser's Storage that is needed; tests bring their own. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export class Store {
  readonly name: string;

  constructor(
    widgetKey: string,
    private readonly shelf: () => Shelf,
  ) {
    this.name = `frontdesk:${widgetKey}`;
  }

  /** Gives what was saved; an empty chat when there is nothing, it is damaged, or storage is denied. */
  load(): StoredChat {
    try {
      return readChat(JSON.parse(this.shelf().getItem(this.name) ?? "null"));
    } catch {
      return emptyChat();
    }
  }

  save(chat: StoredChat): void {
    try {
      this.shelf().setItem(this.name, JSON.stringify({ ...chat, messages: chat.messages.slice(-MAX_MESSAGES) }));
    } catch {
      // Storage denied or full: the conversation lives as long as the page.
    }
  }

  clear(): void {
    try {
      this.shelf().removeItem(this.name);
    } catch {
      // As above.
    }
  }
}

export function emptyChat(): StoredChat {
  return { conversationId: null, visitorToken: "", messages: [] };
}

function readChat(value: unknown): StoredChat {
  if (typeof value !== "object" || value === null) return emptyChat();
  const json = value as Partial<Record<keyof StoredChat, unknown>>;
  const conversationId = typeof json.conversationId === "number" ? json.conversationId : null;
  const visitorToken = typeof json.visitorToken === "string" ? json.visitorToken : "";
  const messages = Array.isArray(json.messages) ? json.messages.slice(-MAX_MESSAGES).flatMap(readMessage) : [];
  return { conversationId, visitorToken, messages };
}

function readMessage(value: unknown): StoredMessage[] {
  if (typeof value !== "object" || value === null) return [];
  const json = value as Partial<Record<keyof StoredMessage, unknown>>;
  if ((json.role !== "user" && json.role !== "assistant") || typeof json.text !== "string") return [];
  const notice = typeof json.notice === "string" ? json.notice : "";
  return [{ role: json.role, text: json.text, source: readSource(json.source), notice }];
}
