// How the widget is bundled: one place, so that `build` and `verify` cannot differ.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export const bundlePath = here("../../src/frontdesk/channels/static/frontdesk/widget.js");

// The bundle names the source it was made of, so that a stale one shows even where there is no Node.
const source = createHash("sha256");
for (const name of readdirSync(here("../src")).sort()) source.update(`${name}\0`).update(readFileSync(here(`../src/${name}`)));
const digest = source.digest("hex").slice(0, 16);

export const options = {
  entryPoints: [here("../src/index.ts")],
  absWorkingDir: here(".."),
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2020", "chrome87", "firefox101", "safari14.1"],
  charset: "ascii",
  legalComments: "none",
  banner: { js: `/* Frontdesk chat widget, Apache-2.0, source ${digest} */` },
  write: false,
  logLevel: "warning",
};
