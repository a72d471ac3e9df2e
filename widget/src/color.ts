/** From one accent colour to a readable set: WCAG 2 contrast of at least 4.5 whatever the business chose. */

type Rgb = [number, number, number];

export interface Palette {
  accent: string;
  accentDeep: string;
  onAccent: string;
  linkLight: string;
  linkDark: string;
}

export const DEFAULT_ACCENT = "#2f5d50";
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];
const LIGHT_BUBBLE: Rgb = [241, 243, 245];
const DARK_BUBBLE: Rgb = [42, 47, 54];
const READABLE = 4.5;

/** Reads #rgb or #rrggbb; null for everything else. */
export function parseHex(value: unknown): Rgb | null {
  if (typeof value !== "string") return null;
  const match = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(value.trim());
  if (!match) return null;
  const digits = match[1] ?? "";
  const full = digits.length === 3 ? [...digits].map((digit) => digit + digit).join("") : digits;
  return [0, 2, 4].map((at) => parseInt(full.slice(at, at + 2), 16)) as Rgb;
}

export function contrast(one: Rgb, other: Rgb): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

export function palette(accentColor: unknown): Palette {
  const accent = parseHex(accentColor) ?? (parseHex(DEFAULT_ACCENT) as Rgb);
  const onAccent = contrast(accent, WHITE) >= READABLE ? WHITE : BLACK;
  const deep = mix(accent, onAccent === WHITE ? BLACK : WHITE, 0.14);
  return {
    accent: hex(accent),
    accentDeep: hex(deep),
    onAccent: hex(onAccent),
    linkLight: hex(readable(accent, LIGHT_BUBBLE, BLACK)),
    linkDark: hex(readable(accent, DARK_BUBBLE, WHITE)),
  };
}

function readable(color: Rgb, background: Rgb, towards: Rgb): Rgb {
  for (let share = 0; share < 1; share += 0.05) {
    const candidate = mix(color, towards, share);
    if (contrast(candidate, background) >= READABLE) return candidate;
  }
  return towards;
}

function luminance(color: Rgb): number {
  const [red, green, blue] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function mix(color: Rgb, other: Rgb, share: number): Rgb {
  return color.map((part, index) => Math.round(part + ((other[index] ?? 0) - part) * share)) as Rgb;
}

function hex(color: Rgb): string {
  return `#${color.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}
