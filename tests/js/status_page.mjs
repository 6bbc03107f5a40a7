// The status page in a real browser: node status_page.mjs <url> <browser> <screenshot>
//
// Prints {"ready":...} when it has seen all of it well, and then {"bad":...}, {"well":...} and
// {"lost":...} whenever the page says so. Ends with standard input.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [url, executablePath, screenshot] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 1000 }, colorScheme: "light" });
const page = await context.newPage();
// The machine may be slow; the test that runs this has a limit of its own.
page.setDefaultTimeout(0);
const requests = [];
const errors = [];
page.on("request", (request) => requests.push(request.url()));
page.on("pageerror", (error) => errors.push(error.message));
page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
await page.exposeFunction("told", say);

const answer = await page.goto(url);
const policy = answer.headers()["content-security-policy"];
assert.match(policy, /default-src 'none'/);
assert.doesNotMatch(policy, /unsafe/);
await page.waitForSelector('body[data-state="well"]');
// The group was asked, the charts have a line, and records have come.
await page.waitForSelector('#group[data-is="well"]');
await page.waitForSelector("#throughput path.c1");
await page.waitForSelector("#category-rows tr:not(:only-child), #category-rows th");
assert.match(await page.textContent("#sentence"), /^✓ Everything arrives/);
assert.match(await page.title(), /^✓/);
assert.equal(await page.textContent("#partition-rows td >> nth=0"), "this replica");
mkdirSync(dirname(screenshot), { recursive: true });
await page.screenshot({ path: screenshot });

// By keyboard: to the content, and into the configuration.
await page.keyboard.press("Tab");
assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
await page.keyboard.press("Enter");
assert.equal(await page.evaluate(() => document.activeElement.id), "main");
const visited = new Set();
for (let press = 0; press < 60; press++) {
  await page.keyboard.press("Tab");
  const [name, outline] = await page.evaluate(() => {
    const it = document.activeElement;
    return [`${it.tagName} ${it.parentElement?.id}`, getComputedStyle(it).outlineStyle];
  });
  if (name.startsWith("BODY")) break;
  assert.notEqual(outline, "none", `the focus on ${name} is not visible`);
  visited.add(name);
  if (name === "SUMMARY configuration-details") break;
}
assert.ok(visited.has("SUMMARY configuration-details"), [...visited].join());
await page.keyboard.press("Enter");
await page.waitForFunction(() => document.getElementById("configuration-text").textContent.includes("REDACTED"));
for (const link of await page.locator("nav a").all()) {
  await link.click();
  const target = await link.getAttribute("href");
  assert.equal(new URL(page.url()).hash, target);
  await page.waitForFunction((id) => document.querySelector(id).getBoundingClientRect().top < innerHeight, target);
}
await page.click("#throughput summary");
await page.waitForSelector("#throughput tbody td");

// For everybody, in both colour schemes and on a small screen.
async function scan(colorScheme) {
  await page.emulateMedia({ colorScheme });
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  assert.ok(passes.length > 15, "nothing was looked at");
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("; ")}`);
  assert.deepEqual(found, [], colorScheme);
}
const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
await scan("light");
const light = await ground();
await scan("dark");
assert.notEqual(await ground(), light);
await page.setViewportSize({ width: 390, height: 800 });
const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
assert.ok(excess <= 0, `${excess} px too wide`);
await page.setViewportSize({ width: 1280, height: 1000 });

// Tells every change from here on, in the moment in which it is on the page.
await page.evaluate(() => {
  const look = () => {
    const { state, link } = document.body.dataset;
    const now = link === "lost" ? "lost" : state;
    if (now === look.before || now === "unknown") return;
    look.before = now;
    const sentence = document.getElementById("sentence").textContent;
    const announced = document.getElementById("announcement").textContent;
    const sink = document.querySelector("#sink-rows tr");
    const cells = [...sink.children].map((cell) => cell.textContent);
    globalThis.told({ [now]: { sentence, announced, cells } });
  };
  look.before = "well";
  new MutationObserver(look).observe(document.body, { attributes: true, subtree: true, childList: true });
});
const origin = new URL(url).origin;
assert.deepEqual(requests.filter((request) => new URL(request).origin !== origin), []);
assert.deepEqual(errors, []);
say({ ready: { requests: requests.length } });
