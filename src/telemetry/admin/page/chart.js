// Lines over the last fifteen minutes, as SVG, with the same numbers as a table.
import { node, rows, say } from "./parts.js";

const WIDTH = 560;
const HEIGHT = 170;
const LEFT = 44;
const BOTTOM = 20;
const SPAN = 15 * 60 * 1000;
// Receiving has the first colour; of the sinks no more have a line than there are colours.
const LINES_MAX = 5;

function ceiling(top) {
  if (!(top > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(top));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= top);
}

export class Chart {
  constructor(figure, { title, format }) {
    this.format = format;
    this.title = title;
    this.lines = [];
    this.times = [];
    this.hovered = null;
    this.legend = node("ul", { class: "legend" });
    this.svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
    this.body = node("tbody");
    this.head = node("tr");
    const table = node("table", {}, node("thead", {}, this.head), this.body);
    this.details = node("details", {}, node("summary", {}, "The same as a table"),
      node("div", { tabindex: "0", role: "region", "aria-label": `${title}, as a table` }, table));
    figure.append(node("figcaption", {}, title), this.legend, this.svg, this.details);
    this.details.addEventListener("toggle", () => this.table());
    this.svg.addEventListener("pointermove", (event) => this.hover(event));
    this.svg.addEventListener("pointerleave", () => { this.hovered = null; this.draw(); });
  }

  // `lines`: name and values, one per time.
  show(times, lines) {
    this.times = times;
    this.lines = lines.slice(0, LINES_MAX);
    this.draw();
    if (this.details.open) this.table();
  }

  x(at) {
    const end = this.times.at(-1) ?? 0;
    return LEFT + (WIDTH - LEFT) * (1 - (end - at) / SPAN);
  }

  draw() {
    const top = ceiling(Math.max(0, ...this.lines.flatMap((line) => line.values)));
    const y = (value) => 8 + (HEIGHT - BOTTOM - 8) * (1 - value / top);
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      const at = y(top * share);
      parts.push(node("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: at, y2: at }));
      parts.push(node("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, this.format(top * share)));
    }
    for (const minutes of [15, 10, 5, 0]) {
      const anchor = minutes === 0 ? "end" : minutes === 15 ? "start" : "middle";
      const at = LEFT + (WIDTH - LEFT) * (1 - minutes / 15);
      parts.push(node("text", { x: at, y: HEIGHT - 4, "text-anchor": anchor }, minutes === 0 ? "now" : `−${minutes} min`));
    }
    this.lines.forEach((line, number) => {
      const points = this.times.map((at, index) => `${this.x(at).toFixed(1)} ${y(line.values[index] ?? 0).toFixed(1)}`);
      if (points.length < 2) return;
      if (number === 0) {
        const [first, last] = [this.x(this.times[0]).toFixed(1), this.x(this.times.at(-1)).toFixed(1)];
        parts.push(node("path", { class: "area", d: `M${first} ${y(0)} L${points.join(" L")} L${last} ${y(0)} Z` }));
      }
      parts.push(node("path", { class: `c${number}`, d: `M${points.join(" L")}` }));
    });
    const index = this.hovered ?? this.times.length - 1;
    if (this.hovered !== null && this.times[index] !== undefined) {
      const at = this.x(this.times[index]);
      parts.push(node("line", { class: "cross", x1: at, x2: at, y1: 8, y2: HEIGHT - BOTTOM }));
    }
    this.svg.replaceChildren(...parts);
    const texts = this.lines.map((line) => `${line.name} ${this.format(line.values[index] ?? 0)}`);
    this.svg.setAttribute("aria-label", `${this.title}. Now: ${texts.join(", ") || "nothing yet"}. Highest value on the scale: ${this.format(top)}.`);
    const entry = (line, number) => node("li", {}, node("i", { class: `b${number}`, "aria-hidden": "true" }),
      `${line.name} `, node("b", {}, this.format(line.values[index] ?? 0)));
    this.legend.replaceChildren(...this.lines.map(entry));
  }

  hover(event) {
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDTH;
    let nearest = null;
    this.times.forEach((at, index) => {
      if (nearest === null || Math.abs(this.x(at) - x) < Math.abs(this.x(this.times[nearest]) - x)) nearest = index;
    });
    this.hovered = nearest;
    this.draw();
  }

  // One row per minute.
  table() {
    const names = ["Time", ...this.lines.map((line) => line.name)];
    while (this.head.childElementCount < names.length) this.head.append(node("th", { scope: "col" }));
    names.forEach((name, at) => say(this.head.children[at], name));
    const all = [];
    for (let index = this.times.length - 1; index >= 0; index -= 12) {
      const values = this.lines.map((line) => ({ text: this.format(line.values[index] ?? 0), kind: "n" }));
      all.push([new Date(this.times[index]).toLocaleTimeString(), ...values]);
    }
    rows(this.body, all, { empty: "nothing yet" });
  }
}

