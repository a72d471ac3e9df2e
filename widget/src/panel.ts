/** The panel's fixed parts: header, log, composer. Builds the DOM once; `Widget` fills it and listens. */

import { element, icon } from "./dom.ts";
import type { Strings } from "./strings.ts";
import type { WidgetConfig } from "./wire.ts";

const BUBBLE = ["M21 11.5a8.4 8.4 0 0 1-8.5 8.3 8.7 8.7 0 0 1-3.9-.9L3.5 20.5l1.6-4.6A8.1 8.1 0 0 1 4 11.5a8.4 8.4 0 0 1 8.5-8.3 8.4 8.4 0 0 1 8.5 8.3z"];
const CROSS = ["M6 6l12 12", "M18 6L6 18"];
const DOWN = ["M6 9.5l6 6 6-6"];
const ARROW = ["M12 19V5", "M6 11l6-6 6 6"];
const AGAIN = ["M4.5 12a7.5 7.5 0 1 0 2.3-5.4L4.5 9", "M4.5 4.5V9H9"];

export const MAX_MESSAGE_CHARS = 4000;

export interface Parts {
  frame: HTMLElement;
  launcher: HTMLButtonElement;
  badge: HTMLElement;
  panel: HTMLElement;
  restart: HTMLButtonElement;
  close: HTMLButtonElement;
  log: HTMLElement;
  form: HTMLFormElement;
  input: HTMLTextAreaElement;
  send: HTMLButtonElement;
  status: HTMLElement;
  counter: HTMLElement;
}

export function buildParts(config: WidgetConfig, strings: Strings): Parts {
  const badge = element("span", { class: "badge", hidden: "" });
  const launcher = element(
    "button",
    { type: "button", class: "launcher", "aria-label": strings.open, "aria-expanded": "false", "aria-haspopup": "dialog" },
    icon(...BUBBLE),
    icon(...DOWN),
    badge,
  );
  const restart = iconButton(strings.restart, AGAIN);
  const close = iconButton(strings.close, CROSS);
  const log = element("div", {
    class: "log",
    role: "log",
    "aria-live": "polite",
    "aria-relevant": "additions text",
    "aria-label": strings.log,
    tabindex: "0",
  });
  const status = element("div", { class: "unseen", role: "status" });
  const composer = buildComposer(config, strings);
  const title = config.title || strings.title;
  const panel = element(
    "section",
    { class: "panel", role: "dialog", "aria-label": title, tabindex: "-1", hidden: "" },
    buildHeader(title, config.subtitle, restart, close),
    config.aiNotice ? element("p", { class: "about", dir: "auto" }, config.aiNotice) : null,
    log,
    composer.form,
    status,
  );
  const frame = element("div", { class: "frame", "data-position": config.position }, panel, launcher);
  return { frame, launcher, badge, panel, restart, close, log, status, ...composer };
}

function buildHeader(title: string, subtitle: string, restart: Node, close: Node): HTMLElement {
  const initial = [...title.trim()][0] ?? "";
  return element(
    "header",
    {},
    element("span", { class: "face", "aria-hidden": "true" }, initial.toUpperCase()),
    element(
      "div",
      { class: "names", dir: "auto" },
      element("h2", {}, title),
      subtitle ? element("p", { class: "subtitle" }, subtitle) : null,
    ),
    restart,
    close,
  );
}

function buildComposer(config: WidgetConfig, strings: Strings): Pick<Parts, "form" | "input" | "send" | "counter"> {
  const placeholder = config.placeholder || strings.placeholder;
  const input = element("textarea", {
    rows: "1",
    dir: "auto",
    placeholder,
    "aria-label": placeholder,
    maxlength: String(MAX_MESSAGE_CHARS),
    enterkeyhint: "send",
    autocomplete: "off",
  });
  const send = element(
    "button",
    { type: "submit", class: "send", "aria-label": strings.send, "aria-disabled": "true" },
    icon(...ARROW),
  );
  const counter = element("span", { class: "count", role: "status" });
  const form = element(
    "form",
    { novalidate: "" },
    element("div", { class: "field" }, input, send),
    counter,
  );
  return { form, input, send, counter };
}

function iconButton(label: string, paths: string[]): HTMLButtonElement {
  return element("button", { type: "button", "aria-label": label, title: label }, icon(...paths));
}
