// A person's word beside a reading: one dialogue for whichever reading was tapped, with keys big enough for gloves.
import { send } from "./send.js";

const dialog = document.querySelector("[data-dialog]");
const one = (selector) => dialog.querySelector(selector);
let card = null;
let ground = null;
let key = null; // one key an intention: a tap that is repeated after a lost answer stays the same act

if (dialog) begin();

function begin() {
  document.addEventListener("click", (event) => {
    const wanted = event.target.closest("[data-correct]");
    if (wanted) open(wanted.closest("[data-read]"));
  });
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) press(button);
  });
  one("[data-said]").addEventListener("input", renew);
  one("[data-note]").addEventListener("input", renew);
  one("[data-form]").addEventListener("submit", (event) => {
    event.preventDefault();
    say("plate");
  });
}

function open(read) {
  card = read;
  one("[data-said]").value = read.dataset.offer;
  one("[data-note]").value = "";
  one("[data-problem]").textContent = "";
  const crop = one("[data-correct-crop]");
  crop.hidden = !read.dataset.crop;
  if (read.dataset.crop) crop.src = read.dataset.crop;
  one("[data-correct-none]").hidden = Boolean(read.dataset.crop);
  choose("");
  dialog.showModal();
}

function press(button) {
  const { key: char, ground: colour, say: what } = button.dataset;
  const field = one("[data-said]");
  if (char) field.value += char;
  if ("back" in button.dataset) field.value = [...field.value].slice(0, -1).join("");
  if (char || "back" in button.dataset) renew();
  if (colour !== undefined) choose(colour);
  if ("close" in button.dataset) dialog.close();
  if (what) say(what);
}

function choose(colour) {
  ground = colour || null;
  for (const other of dialog.querySelectorAll("[data-ground]")) other.setAttribute("aria-pressed", String(other.dataset.ground === colour));
  renew();
}

function renew() {
  key = null;
}

async function say(what) {
  key ??= crypto.randomUUID?.() ?? `${Date.now()}-${Math.floor(performance.now() * 1000)}`;
  const plate = what === "plate";
  const body = { said: what, text: plate ? one("[data-said]").value : "", colour: plate ? ground : null, note: one("[data-note]").value };
  for (const button of dialog.querySelectorAll("[data-say]")) button.disabled = true;
  const answer = await send(card.dataset.address, body, { key: `${what.replace("_", "-")}-${key}`.slice(0, 64) });
  for (const button of dialog.querySelectorAll("[data-say]")) button.disabled = false;
  if (!answer.ok) {
    one("[data-problem]").textContent = answer.problem;
    return;
  }
  location.hash = card.id;
  location.reload();
}
