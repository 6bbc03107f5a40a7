// Runs a Node script that ends when standard input does: `node tied.mjs <script> [argument ...]`.
//
// A test keeps the other end of that pipe. However the test process ends, the operating system
// closes the pipe, and nothing is left running.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [script, ...rest] = process.argv.slice(2);
process.stdin.on("close", () => process.exit(0)).resume();
process.argv = [process.argv[0], resolve(script), ...rest];
await import(pathToFileURL(resolve(script)));
