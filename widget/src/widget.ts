/** The living widget in its shadow root: opens and closes, sends what is typed, shows the chat, keeps focus in order. */

import type { Chat, ChatView, Entry } from "./chat.ts";
import { palette } from "./color.ts";
import { element } from "./dom.ts";
import { MessageView } from "./messages.ts";
import { buildParts, MAX_MESSAGE_CHARS, type Parts } from "./panel.ts";
import { fill, type Strings, stringsFor } from "./strings.ts";
import type { WidgetConfig } from "./wire.ts";

export type Announce = (name: "open" | "close" | "message", detail: Record<string, unknown>) => void;

/** The counter shows from here on. */
const COUNT_FROM_CHARS = MAX_MESSAGE_CHARS - 400;
const NEAR_END_PX = 80;

export class Widget implements ChatView {
  private readonly parts: Parts;
  private readonly strings: Strings;
  private readonly views = new Map<number, MessageView>();
  private chips: HTMLElement | null = null;

  constructor(
    private readonly root: ShadowRoot,
    private readonly config: WidgetConfig,
    private readonly chat: Chat,
    private readonly announce: Announce,
    theme: string,
  ) {
    this.strings = stringsFor(config.locale);
    this.parts = buildParts(config, this.strings);
    this.paint(theme);
    this.listen();
    root.append(this.parts.frame);
    chat.view = this;
    this.reset();
  }

  get isOpen(): boolean {
    return !this.parts.panel.hidden;
  }

  open(): void {
    if (this.isOpen) return;
    const { panel, launcher, frame, badge, input } = this.parts;
    panel.hidden = false;
    badge.hidden = true;
    frame.classList.add("open");
    panel.setAttribute("aria-modal", String(this.isFullScreen()));
    this.labelLauncher();
    launcher.setAttribute("aria-expanded", "true");
    this.scrollToEnd();
    // On a touch screen the keyboard would cover the conversation before it is read.
    if (window.matchMedia("(pointer: coarse)").matches) panel.focus();
    else input.focus();
    this.announce("open", {});
  }

  close(): void {
    if (!this.isOpen) return;
    const { panel, launcher, frame } = this.parts;
    const hadFocus = panel.contains(this.root.activeElement);
    panel.hidden = true;
    frame.classList.remove("open");
    launcher.setAttribute("aria-expanded", "false");
    this.labelLauncher();
    if (hadFocus) launcher.focus();
    this.announce("close", {});
  }

  toggle(): void {
    if (this.isOpen) this.close();
    else this.open();
  }

  // What the chat says has changed.

  reset(): void {
    const { log, restart } = this.parts;
    this.views.clear();
    this.chips = null;
    log.replaceChildren();
    if (this.config.greeting) log.append(this.greeting());
    for (const entry of this.chat.entries) this.append(entry);
    restart.hidden = !this.chat.entries.length;
    this.showChips(this.chat.entries.length ? [] : this.config.suggestions);
    this.showBusy();
    this.scrollToEnd();
  }

  added(entry: Entry): void {
    this.showChips([]);
    this.append(entry).node.classList.add("fresh");
    this.parts.restart.hidden = false;
    this.showBusy();
    this.scrollToEnd();
    if (entry.role === "user") this.announceMessage(entry);
  }

  changed(entry: Entry): void {
    const follows = this.isNearEnd();
    this.views.get(entry.id)?.update();
    if (entry.state === "done") {
      this.showChips(entry.suggestions);
      this.announceMessage(entry);
      if (!this.isOpen) this.showUnread();
    }
    this.showBusy();
    if (follows) this.scrollToEnd();
  }

  removed(entry: Entry): void {
    this.views.get(entry.id)?.node.remove();
    this.views.delete(entry.id);
  }

  // Drawing.

  private append(entry: Entry): MessageView {
    const view = new MessageView(entry, this.strings, (failed) => {
      this.parts.input.focus();
      this.chat.retry(failed);
    });
    this.views.set(entry.id, view);
    this.parts.log.append(view.node);
    return view;
  }

  private greeting(): HTMLElement {
    const entry: Entry = {
      id: 0, role: "assistant", text: this.config.greeting, state: "done",
      source: null, notice: "", suggestions: [], error: null,
    };
    return new MessageView(entry, this.strings, () => undefined).node;
  }

  private showChips(texts: string[]): void {
    this.chips?.remove();
    this.chips = null;
    if (!texts.length) return;
    const buttons = texts.map((text) => {
      const button = element("button", { type: "button" }, text);
      button.addEventListener("click", () => {
        this.parts.input.focus();
        this.chat.send(text);
      });
      return button;
    });
    this.chips = element("div", { class: "chips" }, ...buttons);
    this.parts.log.append(this.chips);
  }

  private showBusy(): void {
    const { log, send, input } = this.parts;
    log.setAttribute("aria-busy", String(this.chat.isBusy));
    send.setAttribute("aria-disabled", String(this.chat.isBusy || !input.value.trim()));
  }

  private showUnread(): void {
    this.parts.badge.hidden = false;
    this.labelLauncher();
  }

  private labelLauncher(): void {
    const { launcher, badge } = this.parts;
    const unread = badge.hidden ? "" : `, ${this.strings.unread}`;
    launcher.setAttribute("aria-label", this.isOpen ? this.strings.close : this.strings.open + unread);
  }

  private paint(theme: string): void {
    const { style, dataset } = this.parts.frame;
    const colors = palette(this.config.accentColor);
    style.setProperty("--accent", colors.accent);
    style.setProperty("--accent-deep", colors.accentDeep);
    style.setProperty("--on-accent", colors.onAccent);
    style.setProperty("--link-light", colors.linkLight);
    style.setProperty("--link-dark", colors.linkDark);
    dataset["theme"] = theme === "light" || theme === "dark" ? theme : "auto";
    this.parts.frame.lang = this.config.locale;
  }

  private isNearEnd(): boolean {
    const { log } = this.parts;
    return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
  }

  private scrollToEnd(): void {
    // After the frame in which a streamed piece is drawn.
    requestAnimationFrame(() => {
      this.parts.log.scrollTop = this.parts.log.scrollHeight;
    });
  }

  // Listening.

  private listen(): void {
    const { frame, launcher, close, restart, form, input } = this.parts;
    launcher.addEventListener("click", () => this.toggle());
    close.addEventListener("click", () => this.close());
    restart.addEventListener("click", () => {
      input.focus();
      this.chat.restart();
      this.parts.status.textContent = this.strings.restarted;
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    input.addEventListener("input", () => this.typed());
    frame.addEventListener("keydown", (event) => this.key(event));
    // A page's own shortcuts must not fire while someone types to us.
    for (const name of ["keydown", "keyup", "keypress"]) frame.addEventListener(name, (event) => event.stopPropagation());
  }

  private key(event: KeyboardEvent): void {
    if (event.isComposing) return;
    if (event.key === "Escape" && this.isOpen) {
      event.preventDefault();
      this.close();
    } else if (event.key === "Enter" && !event.shiftKey && event.target === this.parts.input) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "Tab" && this.isOpen && this.isFullScreen()) {
      this.keepFocus(event);
    }
  }

  /** Full screen nothing of the page can be seen, so Tab goes round inside; beside the page it may leave. */
  private keepFocus(event: KeyboardEvent): void {
    const all = "button, textarea, a[href], [tabindex='0']";
    const stops = [...this.parts.panel.querySelectorAll<HTMLElement>(all)].filter((node) => node.offsetParent !== null);
    const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
    const active = this.root.activeElement;
    if (active === edge || active === this.parts.panel) {
      event.preventDefault();
      (event.shiftKey ? stops[stops.length - 1] : stops[0])?.focus();
    }
  }

  private submit(): void {
    const { input } = this.parts;
    if (!this.chat.send(input.value)) return;
    input.value = "";
    this.typed();
  }

  private typed(): void {
    const { input, counter } = this.parts;
    const follows = this.isNearEnd();
    // Back to the style sheet's height first, so that the field can shrink.
    input.style.height = "";
    if (input.scrollHeight > input.clientHeight) input.style.height = `${input.scrollHeight}px`;
    const left = MAX_MESSAGE_CHARS - input.value.length;
    counter.textContent =
      input.value.length > COUNT_FROM_CHARS ? fill(this.strings.remaining, { count: String(left) }) : "";
    this.showBusy();
    if (follows) this.scrollToEnd();
  }

  private isFullScreen(): boolean {
    return window.matchMedia("(max-width: 480px)").matches;
  }

  private announceMessage(entry: Entry): void {
    this.announce("message", { role: entry.role, text: entry.text, conversationId: this.chat.conversation });
  }
}
