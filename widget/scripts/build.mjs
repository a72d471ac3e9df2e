// Bundles the widget into the Django app's static files.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { bundlePath, options } from "./options.mjs";

const result = await build(options);
const bytes = result.outputFiles[0].contents;
await mkdir(dirname(bundlePath), { recursive: true });
await writeFile(bundlePath, bytes);
console.log(`widget.js: ${bytes.length} bytes, ${gzipSync(bytes).length} gzipped`);
