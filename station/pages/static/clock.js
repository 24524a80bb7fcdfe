// The station's clock as a QR code that recorders film: drawn anew every 200 ms by the station's time, which is asked for
// again and again; how far this page may be off is half of the shortest answer's way, and is written into the code.
//
// Nothing is drawn while that is not known well enough: a clock that is wrong is worse than none.
import { stamp } from "../web/format.js";
import { _ } from "../web/texts.js";
import { qr } from "./qr.js";

const REDRAWN_MS = 200;
const ASK_MS = 5_000;
const LONGEST_ERR_MS = 100;
const DRIFT_PPM = 100; // of this tablet's own clock since an answer
const KEPT = 12;
const MARGIN = 4;

const one = (selector) => document.querySelector(selector);
const canvas = one("[data-code]");
const station = canvas.dataset.station;
let answers = [];

// --- station time ------------------------------------------------------------------------------------------------

async function ask() {
  const from = performance.now();
  const answer = await fetch("/clock/now", { cache: "no-store" }).catch(() => null);
  const until = performance.now();
  if (answer?.status === 401) return location.reload();
  const told = answer?.ok ? await answer.json().catch(() => null) : null;
  if (!told) return;
  if (told.err_ms === null) return void (answers = []);
  const way = (until - from) / 2;
  answers = [...answers, { offset: told.at_ms - from - way, err: way, own: told.err_ms, at: until }].slice(-KEPT);
}

const errorNow = ({ err, at }, now) => err + ((now - at) * DRIFT_PPM) / 1e6 + 1;

// The answer that says most now: the shortest way, less what the tablet's clock may have lost since.
function best(now) {
  const known = answers.filter(({ at }) => now - at < 12 * ASK_MS);
  return known.reduce((a, b) => (a && errorNow(a, now) <= errorNow(b, now) ? a : b), null);
}

// --- drawing -----------------------------------------------------------------------------------------------------

function draw() {
  const now = performance.now();
  const answer = best(now);
  const err = answer ? Math.ceil(errorNow(answer, now)) : Infinity; // of the way; the station's own is beside it
  setTimeout(draw, REDRAWN_MS - ((answer ? now + answer.offset : now) % REDRAWN_MS));
  document.body.dataset.clock = err <= LONGEST_ERR_MS ? "right" : "unknown";
  if (err > LONGEST_ERR_MS) return say("------", _("The time of the station is not known well enough; the code is not shown."));
  const at = Math.round(now + answer.offset);
  const whole = err + answer.own;
  paint(qr(`WP1:${station}:${at}:${whole}`));
  say(stamp(at), _("± {error} ms", { error: whole }));
}

function paint(rows) {
  const modules = rows.length + 2 * MARGIN;
  const scale = Math.max(1, Math.floor(Math.min(canvas.clientWidth, canvas.clientHeight) / modules));
  const side = modules * scale;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, side, side);
  pen.fillStyle = "#000";
  rows.forEach((row, y) => row.forEach((dark, x) => dark && pen.fillRect((x + MARGIN) * scale, (y + MARGIN) * scale, scale, scale)));
}

function say(time, error) {
  one("[data-time]").textContent = time;
  one("[data-error]").textContent = error;
}

async function start() {
  for (let first = 0; first < 5; first += 1) await ask();
  setInterval(ask, ASK_MS);
  draw();
}

// A tablet that goes dark while it is filmed shows nothing.
navigator.wakeLock?.request("screen").catch(() => null);
start();
