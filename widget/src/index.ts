/**
 * The script tag's entry: `<script src="https://host/widget.js" data-widget-key="wk_…" async></script>`.
 * Registers <frontdesk-chat>, puts one on the page for each widget key, and opens `window.frontdesk` to the page.
 */

import { Chat } from "./chat.ts";
import { css } from "./styles.ts";
import { Store } from "./store.ts";
import { Widget } from "./widget.ts";
import { Wire, WireError, type WidgetConfig } from "./wire.ts";

const TAG = "frontdesk-chat";
const COMMANDS = ["open", "close", "toggle"] as const;
const CONFIG_RETRIES_MS = [1_000, 5_000, 20_000];
type Command = (typeof COMMANDS)[number];

/** `frontdesk("open")` or `frontdesk.open()`. Before the script has come, a page may queue calls in `frontdesk.q`. */
type PublicApi = ((command: Command) => void) & Record<Command, () => void> & { loaded: true };

/** What the elements need from the tag that brought them; set while the script runs. */
interface Origin {
  baseUrl: string;
  nonce: string;
}

function defineElement(origin: Origin): void {
  class FrontdeskChat extends HTMLElement {
    // Private to the class: the page cannot reach the conversation through the element.
    #widget: Widget | null = null;
    #pending: Command | null = null;
    #started = false;

    connectedCallback(): void {
      if (this.#started) return;
      this.#started = true;
      void this.#start(this.getAttribute("widget-key") ?? "");
    }

    command(command: Command): void {
      if (this.#widget) this.#widget[command]();
      else this.#pending = command;
    }

    async #start(key: string): Promise<void> {
      const wire = new Wire(origin.baseUrl, key);
      const config = await loadConfig(wire, key);
      if (!config) return;
      const root = this.attachShadow({ mode: "closed" });
      applyStyles(root, origin.nonce);
      const store = new Store(key, () => window.localStorage);
      const chat = new Chat(wire, store);
      this.#widget = new Widget(root, config, chat, (name, detail) => this.#announce(name, detail), this.#theme());
      // Another tab of the same shop went on with this conversation.
      window.addEventListener("storage", (event) => {
        if (event.key === store.name) chat.restore();
      });
      if (this.#pending) this.#widget[this.#pending]();
      this.#pending = null;
    }

    #theme(): string {
      return this.getAttribute("theme") ?? "auto";
    }

    #announce(name: string, detail: Record<string, unknown>): void {
      this.dispatchEvent(new CustomEvent(`frontdesk:${name}`, { bubbles: true, composed: true, detail }));
    }
  }
  customElements.define(TAG, FrontdeskChat);
}

/**
 * Null when there is nothing to show: the server says that this widget may not be here, or it cannot be reached at all
 * (a chat that cannot answer is worse than none). The page's owner reads why in the console.
 */
async function loadConfig(wire: Wire, key: string): Promise<WidgetConfig | null> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await wire.config();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const wait = error.status === 403 || error.status === 404 ? undefined : CONFIG_RETRIES_MS[attempt];
      if (wait === undefined) {
        console.error(`Frontdesk: the widget ${key} is not shown. ${error.publicMessage || error.code}`);
        return null;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

function applyStyles(root: ShadowRoot, nonce: string): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    // Older browsers: an element, which a strict policy accepts with the nonce of our script tag.
    const style = document.createElement("style");
    if (nonce) style.setAttribute("nonce", nonce);
    style.textContent = css;
    root.append(style);
  }
}

function send(command: unknown): void {
  if (!COMMANDS.includes(command as Command)) {
    console.error(`Frontdesk: unknown command; use one of ${COMMANDS.join(", ")}`);
    return;
  }
  const found = document.querySelector(TAG) as (HTMLElement & { command?: (command: Command) => void }) | null;
  found?.command?.(command as Command);
}

function publish(): void {
  const global = window as unknown as { frontdesk?: { q?: ArrayLike<unknown>[]; loaded?: boolean } };
  if (global.frontdesk?.loaded) return;
  const queued = Array.isArray(global.frontdesk?.q) ? global.frontdesk.q : [];
  const api = ((command: Command) => send(command)) as PublicApi;
  for (const command of COMMANDS) api[command] = () => send(command);
  api.loaded = true;
  (window as unknown as { frontdesk: PublicApi }).frontdesk = api;
  for (const call of queued) send(typeof call === "string" ? call : call[0]);
}

function start(): void {
  const script = (document.currentScript ?? document.querySelector("script[data-widget-key]")) as HTMLScriptElement | null;
  const key = script?.dataset["widgetKey"] ?? "";
  if (!script || !key) {
    console.error("Frontdesk: the script tag needs data-widget-key=\"wk_…\"");
    return;
  }
  if (!customElements.get(TAG)) defineElement({ baseUrl: new URL(script.src, document.baseURI).origin, nonce: script.nonce ?? "" });
  const mount = (): void => {
    const isThere = [...document.querySelectorAll(TAG)].some((node) => node.getAttribute("widget-key") === key);
    if (!isThere) {
      const node = document.createElement(TAG);
      node.setAttribute("widget-key", key);
      node.setAttribute("theme", script.dataset["theme"] ?? "auto");
      document.body.append(node);
    }
    publish();
  };
  if (document.body) mount();
  else document.addEventListener("DOMContentLoaded", mount, { once: true });
}

start();
