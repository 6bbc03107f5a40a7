// Keeps the page up to date by server-sent events: `history` once, then `state` every second and
// whenever something changes. What each holds: docs/status.md.
import { Chart } from "./chart.js";
import { find, rate, rough, say, time } from "./parts.js";
import { render, verdict } from "./render.js";

const SAMPLES_MAX = 180;
// Without a word for this long the process is lost.
const SILENCE = 4000;
const RETRY = 2000;

const throughput = new Chart(find("throughput"), { title: "Records per second", format: (value) => rate(value) });
const lag = new Chart(find("lag"), { title: "Events behind, in this replica's partitions", format: rough });
let sinks = [];
let samples = [];
let heard = null;
let source = null;

function charts() {
  const times = samples.map((sample) => Date.parse(sample.at));
  const delivered = sinks.map((name, index) => ({
    name: `delivered to ${name}`,
    values: samples.map((sample) => sample.delivered[index] ?? 0),
  }));
  throughput.show(times, [{ name: "received", values: samples.map((sample) => sample.received) }, ...delivered]);
  lag.show(times, [{ name: "not settled", values: samples.map((sample) => sample.lag_events) }]);
}

function onHistory(event) {
  ({ sinks, samples } = JSON.parse(event.data));
  charts();
}

function onState(event) {
  const state = JSON.parse(event.data);
  heard = performance.now();
  link("live", "live");
  verdict(state);
  render(state, samples.at(-1));
  const { sample } = state;
  if (sample && sample.at !== samples.at(-1)?.at) {
    samples.push(sample);
    samples = samples.slice(-SAMPLES_MAX);
    charts();
  }
}

function link(state, text) {
  document.body.dataset.link = state;
  say(find("link-text"), text);
}

function connect() {
  source?.close();
  source = new EventSource("/events");
  source.addEventListener("history", onHistory);
  source.addEventListener("state", onState);
  source.addEventListener("error", lost);
}

function lost() {
  const since = heard === null ? "" : ` for ${time((performance.now() - heard) / 1000)}`;
  link("lost", heard === null ? "no answer; trying again" : `no word from the process${since}; trying again`);
  if (document.body.dataset.state !== "unknown") {
    document.body.dataset.state = "unknown";
    document.title = "? entra-forwarder";
    say(find("sentence"), "The process does not answer. What is shown is what it said last.");
    say(find("announcement"), "The process does not answer.");
  }
}

let tried = performance.now();
setInterval(() => {
  const now = performance.now();
  if (heard !== null && now - heard < SILENCE) return;
  if (heard !== null || now > SILENCE) lost();
  // It tries by itself as long as the answer is not an error.
  if (source.readyState === EventSource.CLOSED || (source.readyState === EventSource.OPEN && now - tried > 2 * SILENCE)) {
    if (now - tried < RETRY) return;
    tried = now;
    connect();
  }
}, 1000);

find("configuration-details").addEventListener("toggle", async (event) => {
  if (!event.target.open) return;
  try {
    const answer = await fetch("/config");
    say(find("configuration-text"), answer.ok ? await answer.text() : `The process answered ${answer.status}.`);
  } catch {
    say(find("configuration-text"), "The process does not answer.");
  }
});

connect();
