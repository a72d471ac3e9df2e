/** Building DOM without markup strings: text is always a text node, so nothing that is shown can become code. */

import type { Block, Inline, Item } from "./markdown.ts";

export type Child = Node | string | null | undefined;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const name of Object.keys(attributes)) node.setAttribute(name, attributes[name] ?? "");
  node.append(...children.filter((child): child is Node | string => child !== null && child !== undefined));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** Draws a 24 × 24 line icon from path data. */
export function icon(...paths: string[]): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** Shows blocks in `target`, touching only those that changed since the last time (streaming stays selectable). */
export function renderBlocks(target: HTMLElement, blocks: Block[], shown: string[]): string[] {
  const next = blocks.map((block) => JSON.stringify(block));
  next.forEach((key, index) => {
    if (key === shown[index]) return;
    const node = renderBlock(blocks[index] as Block);
    const old = target.childNodes[index];
    if (old) target.replaceChild(node, old);
    else target.append(node);
  });
  while (target.childNodes.length > next.length) target.lastChild?.remove();
  return next;
}

function renderBlock(block: Block): Node {
  switch (block.type) {
    case "ul":
      return element("ul", {}, ...block.items.map(renderItem));
    case "ol":
      return element("ol", { start: String(block.start) }, ...block.items.map(renderItem));
    case "code":
      return element("pre", {}, element("code", {}, block.text));
    case "quote":
      return element("blockquote", {}, ...block.children.map(renderInline));
    case "heading":
      return element("p", { class: "heading" }, ...block.children.map(renderInline));
    case "p":
      return element("p", {}, ...block.children.map(renderInline));
  }
}

function renderItem(item: Item): Node {
  return element("li", item.depth ? { class: "deeper" } : {}, ...item.children.map(renderInline));
}

function renderInline(node: Inline): Node {
  if (typeof node === "string") return document.createTextNode(node);
  switch (node.type) {
    case "br":
      return element("br");
    case "code":
      return element("code", {}, node.text);
    case "link":
      return element(
        "a",
        { href: node.href, target: "_blank", rel: "noopener noreferrer nofollow" },
        ...node.children.map(renderInline),
      );
    case "strong":
    case "em":
      return element(node.type, {}, ...node.children.map(renderInline));
  }
}
