// Boxes over a recording: drawn by a finger, moved on a straight line between two moments, ordered as a redacted copy.
import { fill } from "../web/bind.js";
import { listen, send, wake } from "../web/send.js";
import { _ } from "../web/texts.js";

const told = JSON.parse(document.getElementById("redact").textContent);
const one = (selector) => document.querySelector(selector);
const video = one("[data-video]");
const layer = one("[data-boxes]");
const range = one("[data-range]");
const problem = one("[data-problem]");
const NS = "http://www.w3.org/2000/svg";
const SMALLEST = 10; // thousandths
const FOLLOW_MS = 20_000;

let tracks = [[]];
const track = () => tracks.at(-1);
const now = () => Math.round(video.currentTime * 1000);

// --- boxes at this moment ----------------------------------------------------------------------------------------

const SIDES = ["left_permille", "top_permille", "width_permille", "height_permille"];

function between(left, right, at) {
  const share = (at - left.at_ms) / Math.max(1, right.at_ms - left.at_ms);
  const sides = SIDES.map((side) => [side, left[side] + (right[side] - left[side]) * share]);
  return { at_ms: null, ...Object.fromEntries(sides) }; // nobody has drawn it
}

function place(boxes, at) {
  if (boxes.length === 1) return boxes[0];
  const next = boxes.findIndex((box) => box.at_ms >= at);
  if (next > 0) return between(boxes[next - 1], boxes[next], at);
  if (next === 0 && boxes[0]?.at_ms === at) return boxes[0];
  return null;
}

function paint(drawn = null) {
  const at = now();
  const shown = drawn ? [...tracks.slice(0, -1).map((boxes) => place(boxes, at)), drawn] : tracks.map((boxes) => place(boxes, at));
  layer.replaceChildren(...shown.filter(Boolean).map((box) => rectangle(box, at)));
  one("[data-reading]").textContent = `${(at / 1000).toFixed(2)} s`;
  range.value = video.duration ? Math.round((video.currentTime / video.duration) * 1000) : 0;
}

function rectangle(box, at) {
  const element = document.createElementNS(NS, "rect");
  const [x, y, width, height] = SIDES.map((side) => box[side]);
  for (const [name, value] of Object.entries({ x, y, width, height, class: "redact-box" })) element.setAttribute(name, value);
  element.dataset.state = box.at_ms === undefined || box.at_ms === at ? "key" : "between";
  return element;
}

function showKeys() {
  const keys = tracks.flatMap((boxes, number) =>
    boxes.map((box) => ({ id: `${number}-${box.at_ms}`, at_ms: box.at_ms, words: `${number + 1}: ${(box.at_ms / 1000).toFixed(1)} s` })),
  );
  fill(one("[data-keys]"), one('[data-template="keys"]'), keys);
  paint();
}

one("[data-keys]").addEventListener("click", (event) => {
  const id = event.target.closest("[data-id]")?.dataset.id;
  if (id) video.currentTime = Number(id.split("-")[1]) / 1000;
});

function put(box) {
  const kept = track().filter((other) => other.at_ms !== box.at_ms);
  tracks = [...tracks.slice(0, -1), [...kept, box].sort((a, b) => a.at_ms - b.at_ms)];
  showKeys();
}

// --- drawing -----------------------------------------------------------------------------------------------------

let start = null;

function point(event) {
  const area = layer.getBoundingClientRect();
  const inside = (value) => Math.max(0, Math.min(1000, Math.round(value * 1000)));
  return { x: inside((event.clientX - area.left) / area.width), y: inside((event.clientY - area.top) / area.height) };
}

function boxOf(a, b) {
  const sides = [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y)];
  return Object.fromEntries(SIDES.map((side, n) => [side, sides[n]]));
}

layer.addEventListener("pointerdown", (event) => {
  video.pause();
  start = point(event);
  layer.setPointerCapture(event.pointerId);
});
layer.addEventListener("pointermove", (event) => start && paint(boxOf(start, point(event))));
layer.addEventListener("pointerup", (event) => {
  if (!start) return;
  const box = boxOf(start, point(event));
  start = null;
  if (box.width_permille >= SMALLEST && box.height_permille >= SMALLEST) put({ at_ms: now(), ...box });
  else paint();
});

// --- time --------------------------------------------------------------------------------------------------------

range.addEventListener("input", () => (video.currentTime = (Number(range.value) / 1000) * (video.duration || 0)));
for (const button of document.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => (video.currentTime = Math.max(0, video.currentTime + Number(button.dataset.step) / 1000)));
}
one("[data-play]").addEventListener("click", () => (video.paused ? video.play() : video.pause()));
for (const name of ["seeked", "loadeddata", "timeupdate"]) video.addEventListener(name, () => paint());

// --- following, ordering -----------------------------------------------------------------------------------------

one("[data-follow]").addEventListener("click", async () => {
  const box = track().findLast((each) => each.at_ms <= now());
  if (!box) return (problem.textContent = _("Draw a box first."));
  problem.textContent = _("Following …");
  const answer = await send(`${told.page}/follow`, { box, until_ms: box.at_ms + FOLLOW_MS }, { key: null });
  problem.textContent = answer.ok ? "" : answer.problem;
  if (!answer.ok) return;
  const last = answer.data.boxes.at(-1).at_ms;
  const kept = track().filter((each) => each.at_ms < box.at_ms || each.at_ms > last);
  tracks = [...tracks.slice(0, -1), [...kept, ...answer.data.boxes].sort((a, b) => a.at_ms - b.at_ms)];
  showKeys();
});
one("[data-clear]").addEventListener("click", () => {
  tracks = [[]];
  showKeys();
});
one("[data-next]").addEventListener("click", () => {
  if (track().length) tracks = [...tracks, []];
});
listen(one("[data-order]"), async (event) => {
  const { hide, audio, reason } = event.target.elements;
  const redaction = { tracks: tracks.filter((boxes) => boxes.length), keep: !hide.checked, audio: audio.checked };
  const answer = await send(`${told.page}/redact`, { redaction, reason: reason.value }, { key: null });
  if (answer.ok) location.assign(told.page);
  else problem.textContent = answer.problem;
});

if (video) showKeys();
wake();
