// Numbers as people read them, and the building of nodes. Whatever comes from outside becomes text
// by textContent alone; the page's policy would stop anything else.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const count = (number) => (number === null || number === undefined ? "–" : whole.format(number));
export const rough = (number) => short.format(number);
export const rate = (number) => (number < 10 ? tenth : whole).format(number);

export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit++) bytes /= 1000;
  return `${unit === 0 ? whole.format(bytes) : tenth.format(bytes)} ${units[unit]}`;
}

export function time(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0) return `${time(-seconds)} ago`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${tenth.format(seconds)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export const find = (id) => document.getElementById(id);

export function node(tag, attributes = {}, ...children) {
  const made = tag === "svg" || svgTags.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
const svgTags = new Set(["g", "line", "path", "text", "rect"]);

// Changes nothing that is the same already: selections and screen readers are left alone.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, name, value) {
  if (value === undefined || value === "") element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function fit(parent, length, make) {
  while (parent.childElementCount > length) parent.lastElementChild.remove();
  while (parent.childElementCount < length) parent.append(make(parent.childElementCount));
}

export function list(parent, texts) {
  fit(parent, texts.length, () => node("li"));
  texts.forEach((text, index) => say(parent.children[index], text));
}

// A cell is a text, or a text with a class and a state. The first `heads` cells head their row.
export function rows(body, all, { heads = 1, empty }) {
  const width = body.parentElement.querySelectorAll("thead th").length;
  const isEmpty = all.length === 0;
  if (isEmpty !== body.classList.contains("empty") || body.childElementCount === 0) body.replaceChildren();
  body.classList.toggle("empty", isEmpty);
  if (isEmpty) {
    if (body.childElementCount === 0) {
      const cell = node("td", { colspan: width, class: "none" });
      body.append(node("tr", {}, cell));
    }
    say(body.firstElementChild.firstElementChild, empty);
    return;
  }
  fit(body, all.length, () => node("tr"));
  all.forEach((cells, index) => {
    const row = body.children[index];
    fit(row, cells.length, (at) => (at < heads ? node("th", { scope: "row" }) : node("td")));
    cells.forEach((cell, at) => {
      const { text, kind = "", is = "", title = "" } = typeof cell === "object" ? cell : { text: cell };
      const place = row.children[at];
      say(place, text);
      mark(place, "class", kind);
      mark(place, "data-is", is);
      mark(place, "title", title);
    });
  });
}

export const number = (value, is) => ({ text: typeof value === "string" ? value : count(value), kind: "n", is });
export const clock = (text) => text.slice(0, 19).replace("T", " ");
