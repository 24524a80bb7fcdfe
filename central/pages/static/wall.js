// The wall: lines by id, the rest whole; repainted at most four times a second.
import { fill } from "../web/bind.js";
import { Live } from "../web/live.js";
import { paced } from "../web/paint.js";
import { Sound } from "../web/sound.js";
import { _ } from "../web/texts.js";

const SHOWN = 20;
const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
const place = (name) => document.querySelector(`[data-fill="${name}"]`);
const template = (name) => document.querySelector(`[data-template="${name}"]`);

const lines = new Map();
let state = null;
let known = null; // ids of alarms already told by sound

const paintLines = paced(() => {
  const newest = [...lines.values()].sort((a, b) => b.order - a.order || (a.id < b.id ? 1 : -1)).slice(0, SHOWN);
  lines.clear();
  for (const line of newest) lines.set(line.id, line);
  fill(place("lines"), template("lines"), newest);
  document.querySelector("[data-empty]").hidden = newest.length > 0;
});

const paintState = paced(() => {
  for (const name of ["figures", "stations", "chips", "bars", "counts", "alarms"]) {
    fill(place(name), template(name), state[name]);
  }
  document.querySelector("[data-field=bar_top]").textContent = state.bar_top;
  document.querySelector("[data-empty-alarms]").hidden = state.alarms.length > 0;
});

function take(told) {
  for (const line of told.lines) lines.set(line.id, line);
  paintLines();
}

function takeState(told) {
  state = told;
  const ids = new Set(told.alarms.map((alarm) => alarm.id));
  if (known && [...ids].some((id) => !known.has(id))) sound.alarm();
  known = ids;
  paintState();
}

const button = document.querySelector("[data-sound]");
const sound = new Sound(button);
const note = document.querySelector("[data-sound-note]");
const sayNote = () => {
  note.textContent = sound.on ? _("Alarms sound.") : _("Sound is off: alarms are only shown.");
};
sound.context.addEventListener("statechange", sayNote);
sayNote();

new Live()
  .on(`passages.${language}`, {
    snapshot: (told) => {
      lines.clear();
      take(told);
    },
    delta: take,
  })
  .on(`wall.${language}`, { snapshot: takeState })
  .start();
