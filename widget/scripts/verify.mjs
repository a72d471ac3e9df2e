// Proves that the committed bundle is what the source gives: exit 1 with the reason if not.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";
import { bundlePath, options } from "./options.mjs";

const result = await build(options);
const fresh = Buffer.from(result.outputFiles[0].contents);
const committed = await readFile(bundlePath).catch(() => Buffer.alloc(0));
if (!fresh.equals(committed)) {
  console.error("widget.js is not the build of the source beside it: run `npm run build` in widget/ and commit the result.");
  process.exit(1);
}
console.log(`widget.js is current (${fresh.length} bytes)`);
