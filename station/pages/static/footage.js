// A recording, or all recordings of one crossing: watched, marked, copied.
import { fill } from "../web/bind.js";
import { grouped, stamp } from "../web/format.js";
import { listen, send, wake } from "../web/send.js";
import { _ } from "../web/texts.js";
import { Timeline } from "../web/timeline.js";
import { Together } from "../web/together.js";
import { Trace } from "../web/trace.js";

const told = JSON.parse(document.getElementById("watch").textContent);
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const template = (name) => one(`[data-template="${name}"]`);
const POLL_MS = 1000;

let tags = told.tags;

// --- one axis ----------------------------------------------------------------------------------------------------

// A recording whose clock nobody knows has an axis of its own, and only when it is alone.
const real = told.sources.some((source) => source.starts_ms !== null) || told.weight !== null;
const startOf = (source) => (real ? source.starts_ms : 0);
const placed = told.sources.filter((source) => startOf(source) !== null);
const videoOf = (id) => one(`[data-source="${id}"] video`);
const lengthOf = (source) => source.length_ms ?? (videoOf(source.id)?.duration || 0) * 1000;

function bounds() {
  const begins = placed.map(startOf);
  const ends = placed.map((source) => startOf(source) + lengthOf(source));
  if (told.weight) {
    begins.push(told.weight.arrived_ms);
    ends.push(told.weight.arrived_ms + told.weight.points.at(-1)[0]);
  }
  return { from: Math.min(...begins), to: Math.max(...ends) };
}

const pad = (value) => String(value).padStart(2, "0");
const elapsed = (ms) => `${pad(Math.floor(ms / 60_000))}:${pad(Math.floor(ms / 1000) % 60)}`;
const axisWords = (ms) => (real ? stamp(ms).slice(11) : elapsed(ms));

let line = null;

function drawLine() {
  if (!placed.length && !told.weight) return;
  const rows = placed.map((source) => ({
    id: source.id,
    from: startOf(source),
    to: startOf(source) + lengthOf(source),
    marks: tags
      .filter((tag) => tag.of === source.id && tag.state !== "off")
      .map((tag) => ({ id: tag.id, from: startOf(source) + tag.from_ms, to: startOf(source) + tag.to_ms, state: tag.state })),
  }));
  line = new Timeline(one("[data-line]"), { ...bounds(), rows, say: axisWords, label: _("Recordings and marks over time") });
  line.at(together.now);
}

// --- one cursor --------------------------------------------------------------------------------------------------

const svg = one("[data-weight]");
const trace = svg ? new Trace(svg, told.weight) : null;
const reading = one("[data-reading]");

function shown(ms, leader) {
  line?.at(ms);
  const source = told.sources.find((each) => each.id === leader?.id);
  const words = [moment(ms, source)];
  if (trace) {
    const point = trace.at(ms - told.weight.arrived_ms);
    words.push(point ? _("{mass} kg", { mass: grouped(point[1]) }) : _("no weight at this moment"));
  }
  reading.textContent = words.join(" · ");
}

function moment(ms, source) {
  if (!real) return elapsed(ms);
  const at = Math.round(ms);
  const time = `${stamp(at)}.${Math.floor((at % 1000) / 100)}`;
  return source ? _("{time} ± {err} s", { time, err: (Math.ceil(source.err_ms / 100) / 10).toFixed(1) }) : time;
}

const videos = placed
  .map((source) => ({ id: source.id, video: videoOf(source.id), from: startOf(source) }))
  .filter(({ video }) => video);
const together = new Together(videos, shown);

one("[data-line]").addEventListener("pointerdown", (event) => line && together.go(line.moment(event)));
svg?.addEventListener("pointerdown", (event) => together.go(told.weight.arrived_ms + trace.moment(event)));
for (const { video } of videos) video.addEventListener("loadedmetadata", drawLine);

// --- sound: one voice at a time ----------------------------------------------------------------------------------

const voices = all("[data-sound]");
function showVoices() {
  for (const each of voices) each.setAttribute("aria-pressed", String(!videoOf(each.dataset.sound).muted));
}
for (const each of voices) {
  const mine = videoOf(each.dataset.sound);
  each.addEventListener("click", () => {
    const on = mine.muted;
    for (const other of all("video")) other.muted = true;
    mine.muted = !on;
  });
  mine.addEventListener("volumechange", showVoices);
}

// --- marks -------------------------------------------------------------------------------------------------------

const list = one("[data-tags]");

function showTags(newer) {
  tags = newer;
  fill(list, template("tags"), tags);
  one("[data-no-tags]").hidden = tags.length > 0;
  drawLine();
}

// After a change of one recording its marks are all anew.
const taken = (of, newer) => showTags([...tags.filter((tag) => tag.of !== of), ...newer]);

list.addEventListener("click", (event) => {
  const item = event.target.closest("[data-id]");
  const tag = tags.find((each) => each.id === item?.dataset.id);
  if (!tag) return;
  if (event.target.closest("[data-untag]")) return askWhy(tag);
  seek(tag);
});

function seek(tag) {
  const placedOne = videos.find(({ id }) => id === tag.of);
  if (placedOne) return together.go(placedOne.from + tag.from_ms, placedOne);
  const video = videoOf(tag.of);
  if (video) video.currentTime = tag.from_ms / 1000;
}

// What the server says of this moment lights up in the list.
for (const track of all("track")) {
  track.track.mode = "hidden";
  track.addEventListener("cuechange", () => {
    const now = [...(track.track.activeCues || [])].map((cue) => JSON.parse(cue.text).tag);
    for (const item of list.children) {
      const tag = tags.find((each) => each.id === item.dataset.id);
      if (tag?.of === track.dataset.of) item.toggleAttribute("aria-current", now.includes(tag.id));
    }
  });
}

function reloadTrack(of) {
  const track = one(`track[data-of="${of}"]`);
  if (track) track.src = `${track.src.split("?")[0]}?${Date.now()}`;
}

// --- marking -----------------------------------------------------------------------------------------------------

let begin = null;
const problem = one("[data-problem]");
const active = () => together.leader?.id ?? told.sources.find((source) => videoOf(source.id))?.id ?? told.sources[0]?.id;
const timeOf = (id) => Math.round((videoOf(id)?.currentTime || 0) * 1000);

function span(id) {
  const now = timeOf(id);
  const from = begin?.id === id ? Math.min(begin.at, now) : now;
  return { from_ms: from, to_ms: Math.max(from, now) };
}

async function mark(kind, value = "") {
  const id = active();
  if (!id) return;
  const answer = await send(`/footage/${id}/tags`, { ...span(id), kind, value });
  problem.textContent = answer.ok ? "" : answer.problem;
  if (!answer.ok) return;
  setBegin(null);
  taken(id, answer.data);
  reloadTrack(id);
}

function setBegin(at) {
  begin = at;
  const button = one("[data-begin]");
  button?.setAttribute("aria-pressed", String(Boolean(at)));
}

one("[data-begin]")?.addEventListener("click", () => setBegin(begin ? null : { id: active(), at: timeOf(active()) }));
one("[data-mark=important]")?.addEventListener("click", () => mark("important"));
one("[data-mark=event]")?.addEventListener("click", () => mark("event", told.passage));
for (const name of ["step", "category", "case", "note"]) {
  const form = one(`[data-form="${name}"]`);
  if (!form) continue;
  listen(form, () => {
    const field = form.elements.value;
    if (field.value.trim()) mark(name, field.value).then(() => name === "step" || form.reset());
  });
}

// --- taking back -------------------------------------------------------------------------------------------------

const why = one("[data-why]");
let asked = null;

function askWhy(tag) {
  asked = tag;
  why.hidden = false;
  one("[data-why-tag]").textContent = `${tag.at} ${tag.kind} ${tag.words}`;
  why.elements.reason.focus();
}

one("[data-keep]")?.addEventListener("click", () => (why.hidden = true));
why?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { of, id } = asked;
  const answer = await send(`/footage/${of}/tags/${id}/untag`, { reason: why.elements.reason.value }, { key: null });
  problem.textContent = answer.ok ? "" : answer.problem;
  if (!answer.ok) return;
  why.hidden = true;
  why.reset();
  taken(of, answer.data);
  reloadTrack(of);
});

// --- copies ------------------------------------------------------------------------------------------------------

const made = one("[data-made]");
let waits = false;

function showMade(items) {
  fill(made, template("made"), items);
  for (const item of items) {
    const line_ = one(`[data-id="${item.id}"]`, made);
    const bar = one("progress", line_);
    bar.value = item.done;
    bar.hidden = item.state === "made" || item.state === "failed";
    one("[data-drop]", line_).hidden = item.state !== "failed";
  }
  const waited = waits;
  waits = items.some((item) => item.state === "waiting" || item.state === "working");
  if (waits) setTimeout(poll, POLL_MS);
  else if (waited && !videoOf(told.alone)) location.reload();
}

async function poll() {
  const answer = await fetch(`/footage/${told.alone}/making`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.status === 401) return location.reload();
  if (answer?.ok) showMade(await answer.json());
  else setTimeout(poll, POLL_MS * 5);
}

if (made) {
  one("[data-copy]")?.addEventListener("click", async () => {
    const answer = await send(`/footage/${told.alone}/copy`, {}, { key: null });
    problem.textContent = answer.ok ? "" : answer.problem;
    if (answer.ok) showMade(answer.data);
  });
  made.addEventListener("click", async (event) => {
    const order = event.target.closest("[data-drop]")?.closest("[data-id]")?.dataset.id;
    if (!order) return;
    const answer = await send(`/footage/${told.alone}/making/${order}/drop`, {}, { key: null });
    if (answer.ok) showMade(answer.data);
  });
  showMade(told.made);
}

showTags(tags);
if (videos.length) shown(together.now, together.leader);
wake();
