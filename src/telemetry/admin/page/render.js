// Makes the page of a state.
import { clock, count, find, list, mark, node, number, rate, rows, say, size, time } from "./parts.js";

const STATES = { accepting: "well", failing: "bad", refusing: "bad", misconfigured: "bad", unknown: "warn" };
let announced = null;

export function verdict({ snapshot, group }) {
  const own = snapshot.verdict;
  const isWell = own.is_well && (group?.verdict.is_well ?? true);
  const shown = own.is_well && !isWell ? group.verdict : own;
  document.body.dataset.state = isWell ? "well" : "bad";
  document.title = `${isWell ? "✓" : "✗"} entra-forwarder`;
  say(find("mark"), `entra-forwarder ${snapshot.process.version} · ${snapshot.process.owner}`);
  say(find("sentence"), `${isWell ? "✓" : "✗"} ${own.is_well && !isWell ? "The group: " : ""}${shown.sentence}`);
  // Ages change every second; only another state or another reason is news.
  const news = `${isWell} ${shown.reasons[0] ?? ""}`;
  if (news !== announced) {
    announced = news;
    say(find("announcement"), shown.sentence);
  }
  opinion(find("replica"), own);
  if (group) opinion(find("group"), group.verdict);
}

function opinion(card, { is_well, sentence, reasons }) {
  mark(card, "data-is", is_well ? "well" : "bad");
  say(card.querySelector("[data-said]"), sentence);
  list(card.querySelector("[data-reasons]"), reasons.length > 1 ? reasons : []);
}

export function render({ snapshot, group }, sample) {
  tiles(snapshot, sample);
  balance(snapshot);
  sinks(snapshot.sinks);
  partitions(snapshot, group);
  categories(snapshot.sources);
  letters(snapshot);
  credentials(snapshot.credentials);
  const { process } = snapshot;
  say(find("about"), `entra-forwarder ${process.version}, up for ${time(process.uptime_seconds)} (since ${clock(process.started_at)} UTC) as ${process.owner}`);
}

function tiles(snapshot, sample) {
  const { memory, balance } = snapshot;
  const used = memory.events_bytes + memory.bodies_bytes;
  const letters = snapshot.dead_letters.reduce((sum, each) => sum + each.count, 0);
  const owned = snapshot.sources.flatMap((source) => source.partitions).filter((partition) => partition.is_owned);
  const behind = owned.reduce((sum, partition) => sum + (partition.lag_events ?? 0), 0);
  const retention = snapshot.retention_used;
  const all = [
    ["Received", sample ? `${rate(sample.received)}/s` : "–", `${count(balance.received)} records`],
    ["Oldest unsettled event", time(snapshot.oldest_unsettled_seconds), retention === null ? "retention not set" : `${(retention * 100).toFixed(1)} % of the retention`],
    ["Behind", count(behind), `events in ${owned.length} partitions`],
    ["Dead letters", count(letters), "since the start"],
    ["Memory", size(used), `of ${size(memory.budget_bytes)} for data`],
    ["Up", time(snapshot.process.uptime_seconds), `version ${snapshot.process.version}`],
  ];
  const place = find("tiles");
  if (place.childElementCount === 0) {
    place.append(...all.map(([name]) => node("div", {}, node("dt", {}, name), node("dd"), node("dd"))));
  }
  all.forEach(([, value, note], index) => {
    const [, first, second] = place.children[index].children;
    say(first, value);
    say(second, note);
  });
}

function balance({ balance: sums, sinks: all }) {
  const error = sums.error === 0 ? "" : ` The sums are off by ${count(sums.error)}, which is a bug.`;
  say(find("balance-sum"), `${count(sums.received)} records received in ${count(sums.events)} events = ${count(sums.wanted)} wanted by a sink + ${count(sums.unrouted)} that no sink selects.${error}`);
  rows(find("balance-rows"), all.map(({ name, balance: it }) => {
    const adds = it.wanted === it.delivered + it.dead_lettered + it.abandoned + it.in_flight;
    return [name, number(it.wanted), number(it.delivered), number(it.dead_lettered), number(it.abandoned), number(it.in_flight),
      { text: adds ? "✓ yes" : "✗ no", is: adds ? "well" : "bad" }];
  }), { empty: "There is no sink." });
}

function mean({ counts, sum }) {
  const all = counts.reduce((total, each) => total + each, 0);
  return all === 0 ? null : sum / all;
}

function sinks(all) {
  rows(find("sink-rows"), all.map((sink) => {
    const { accepted = 0, ...others } = sink.requests;
    const not = Object.values(others).reduce((sum, each) => sum + each, 0);
    return [sink.name, { text: sink.state, is: STATES[sink.state] }, time(sink.since_seconds),
      { text: sink.reason ?? "–", kind: sink.reason ? "wide" : "none" }, number(accepted), number(not), number(sink.retries),
      number(`${sink.requests_in_flight} of ${sink.concurrency}`), number(time(mean(sink.request_seconds))), number(size(sink.bytes_sent))];
  }), { empty: "There is no sink." });
}

function partitions({ sources, process }, group) {
  const all = [];
  for (const source of sources) {
    const own = new Map(source.partitions.map((partition) => [partition.id, partition]));
    const whole = group?.sources.find((each) => each.name === source.name);
    const known = whole?.partitions.length ? whole.partitions : source.partitions.map(({ id }) => ({ id }));
    for (const partition of known) all.push(partitionRow(source, partition, own.get(partition.id), process.owner));
  }
  const asked = group ? `Asked of hub and store at ${clock(group.at)} UTC; what this replica owns is live.` : "Hub and store are being asked.";
  const problems = (group?.sources ?? []).flatMap((source) => source.problems);
  say(find("partitions-note"), [asked, ...problems].join(" "));
  rows(find("partition-rows"), all, { heads: 2, empty: "No partition is known yet." });
}

function partitionRow(source, partition, own, me) {
  const isOwn = own?.is_owned === true;
  const owner = isOwn ? "this replica" : (partition.owner ?? "nobody");
  const is = isOwn || partition.is_live ? "" : "bad";
  const state = own?.reason ?? partition.notes?.join("; ") ?? "";
  const isFresh = isOwn && own.lag_events !== null;
  return [source.name, number(partition.id), { text: owner, kind: "name", is, title: isOwn ? me : owner },
    partition.owner_age_seconds === undefined ? "–" : `${time(partition.owner_age_seconds)}${partition.is_live ? "" : " (expired)"}`,
    number(isOwn ? (own.last_enqueued ?? partition.last_sequence) : partition.last_sequence),
    number(isOwn ? (own.checkpointed ?? partition.checkpoint) : partition.checkpoint),
    number(isFresh ? own.lag_events : partition.lag_events), number(isOwn ? time(own.lag_seconds) : "–"),
    { text: state || (is ? "no live owner" : "goes on"), kind: state ? "wide" : "", is: state || is ? "bad" : "well" }];
}

function categories(sources) {
  const all = sources.flatMap((source) => Object.entries(source.categories).map(([name, category]) => [source.name, name,
    number(category.records), number(time(mean(category.lateness))),
    number(category.silent_seconds === null ? "–" : `${time(category.silent_seconds)} ago`)]));
  rows(find("category-rows"), all, { heads: 2, empty: "No record has been read yet." });
}

function letters({ dead_letters: counts, recent_dead_letters: recent }) {
  const parts = counts.map((each) => `${count(each.count)} ${each.reason}${each.sink ? ` at ${each.sink}` : ""}`);
  say(find("dead-letters-note"), parts.length === 0
    ? "None since the start of this replica. Where they are kept: entra-forwarder dead-letters list."
    : `Since the start of this replica: ${parts.join(", ")}. What is in them: entra-forwarder dead-letters show.`);
  rows(find("letter-rows"), recent.map((letter) => [clock(letter.first_seen), letter.source, letter.sink ?? "–", letter.reason,
    number(letter.partition), number(letter.sequence), number(letter.index)]), { empty: "None." });
}

function credentials(all) {
  rows(find("credential-rows"), all.map((each) => {
    const soon = each.kind !== "token" && each.seconds_left < 14 * 86400;
    return [each.place, each.kind, `${clock(each.ends_at)} UTC`,
      { text: each.seconds_left < 0 ? "ended" : time(each.seconds_left), kind: "n", is: soon ? "bad" : "" }];
  }), { empty: "None is known to end." });
}
