// The officers' tablet: live weight, queue, one vehicle, and what may be done with it.
//
// Nothing moves under a finger: cards are appended, newer ones are announced by a badge, what is done stays where it
// is until the officer asks for the list again.  Nothing acts while what is shown is not current.
import { fill, write } from "../web/bind.js";
import { BLANK, grouped } from "../web/format.js";
import { Live } from "../web/live.js";
import { paced } from "../web/paint.js";
import { newKey, send } from "../web/send.js";
import { _ } from "../web/texts.js";
import { Holding } from "./holding.js";
import { Steps } from "./steps.js";

const told = JSON.parse(document.getElementById("tablet").textContent);
const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const template = (name) => one(`[data-template="${name}"]`);
const PHASES = { empty: "empty", arriving: "on", settling: "on", weighed: "weighed", leaving: "leaving" };

// --- what is current ---------------------------------------------------------------------------------------------

const stale = { queue: true, weight: new Map(told.platforms.map((box) => [box, true])) };

// A scale that says nothing locks the vehicles of its own lane, a lost station locks all.
const locked = (box) => stale.queue || stale.weight.get(box) === true;

// --- live weight -------------------------------------------------------------------------------------------------

const weight = one("[data-platform]");

function showWeight(now) {
  const against = (now?.says ?? []).map((word) => told.scale_says[word] ?? word).join(_("; "));
  if (!now || now.kg == null) return blankWeight(now ? against || _("The scale shows no weight") : _("Waiting for the scale"));
  one("[data-weight]").textContent = grouped(now.kg);
  const steady = one("[data-steady]");
  steady.dataset.state = now.stable ? "steady" : "moving";
  steady.textContent = now.stable ? _("● steady") : _("≈ moving");
  for (const phase of all("[data-phase]")) phase.toggleAttribute("aria-current", phase.dataset.phase === PHASES[now.state]);
  if (against) noteWeight(against, "against");
  else if (weight.dataset.note) noteWeight("");
}

function blankWeight(why) {
  one("[data-weight]").textContent = BLANK;
  const steady = one("[data-steady]");
  steady.dataset.state = "none";
  steady.textContent = BLANK;
  for (const phase of all("[data-phase]")) phase.removeAttribute("aria-current");
  noteWeight(why, "stale");
}

function noteWeight(words, kind = "") {
  weight.dataset.note = kind;
  one("[data-weight-note]").textContent = words;
}

function showGlimpse(box, seen) {
  if (!seen || box !== told.platform || stale.weight.get(box)) return;
  if (seen.unfiled && seen.gross_kg != null) noteWeight(_("Just weighed: {mass} kg, not filed yet", { mass: grouped(seen.gross_kg) }));
  else if (seen.state === "weighed" && seen.gross_kg != null) noteWeight(_("Just weighed: {mass} kg", { mass: grouped(seen.gross_kg) }));
  else if (seen.state === "settled" && seen.gross_kg != null) noteWeight(_("On the scale: {mass} kg", { mass: grouped(seen.gross_kg) }));
  else noteWeight(_("A vehicle arrives"));
}

// --- queue -------------------------------------------------------------------------------------------------------

const cards = one("[data-cards]");
const arrived = one("[data-arrived]");
const lines = new Map();
let filter = "waiting";
let unseen = new Set();
let chosen = null;

const wanted = (line) => filter === "all" || line.waits || line.id === chosen;
const cardOf = (id) => one(`[data-id="${CSS.escape(id)}"]`, cards);

function takeLines(newer) {
  for (const line of newer) {
    const known = lines.has(line.id);
    lines.set(line.id, line);
    const card = cardOf(line.id);
    if (card) write(card, line);
    else if (!known && wanted(line)) append(line);
    if (line.id === chosen) again();
  }
  count();
}

function append(line) {
  const card = template("cards").content.firstElementChild.cloneNode(true);
  card.dataset.id = line.id;
  write(card, line);
  cards.append(card);
  if (!inView(card)) unseen.add(line.id);
}

const inView = (card) => card.offsetTop - cards.offsetTop + card.offsetHeight / 2 <= cards.scrollTop + cards.clientHeight;

// The whole list as it should be now: only when the officer asks for it, or at the start.
function sweep() {
  const ordered = [...lines.values()].sort((a, b) => a.order - b.order);
  fill(cards, template("cards"), ordered.filter(wanted));
  for (const card of cards.children) card.setAttribute("aria-pressed", String(card.dataset.id === chosen));
  count();
}

function count() {
  const waiting = [...lines.values()].filter((line) => line.waits).length;
  one("[data-count=waiting]").textContent = waiting;
  one("[data-count=all]").textContent = lines.size;
  one("[data-empty]").hidden = cards.children.length > 0;
  for (const id of unseen) if (!cardOf(id) || inView(cardOf(id))) unseen.delete(id);
  arrived.hidden = unseen.size === 0;
  arrived.textContent = _("▼ {count} new", { count: unseen.size });
}

function toNewest() {
  unseen = new Set();
  sweep();
  cards.scrollTop = cards.scrollHeight;
  count();
}

cards.addEventListener("scroll", paced(count, 5));
arrived.addEventListener("click", () => {
  toNewest();
  if (cards.lastElementChild) choose(cards.lastElementChild.dataset.id);
});
cards.addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (card) choose(card.dataset.id);
});
for (const segment of all("[data-filter]")) {
  segment.addEventListener("click", () => {
    filter = segment.dataset.filter;
    for (const other of all("[data-filter]")) other.setAttribute("aria-pressed", String(other === segment));
    toNewest();
  });
}

// --- one vehicle -------------------------------------------------------------------------------------------------

const right = one("[data-right]");
let detail = null;
let shownPicture = null;
let reweigh = null; // the crossing at which it was weighed again

const path = (id, act) => (act ? `/tablet/${id}/${act}` : `/tablet/${id}`);

function choose(id) {
  if (id !== chosen) {
    chosen = id;
    reweigh = null;
    one("[data-release]").reset();
    detail = null;
    shownPicture = null;
    say("");
    view("loading");
  }
  for (const card of cards.children) card.setAttribute("aria-pressed", String(card.dataset.id === id));
  lock();
  return load();
}

async function load() {
  const id = chosen;
  const answer = await fetch(path(id), { headers: { Accept: "application/json" } }).catch(() => null);
  if (id !== chosen || !answer) return;
  if (answer.status === 401) return location.reload();
  if (answer.ok) show(await answer.json());
}

const again = paced(load, 2);

function view(name) {
  right.dataset.view = name;
  lock();
}

function show(newer) {
  if (newer.line.id !== chosen) return;
  detail = newer;
  write(one("[data-line]"), detail.line);
  showVerdict(detail.verdict);
  showPictures(detail.stills);
  fillWith("missing", detail.missing, "words");
  fillWith("about", detail.about);
  fillWith("plates", detail.plates);
  one("[data-plates-head]").hidden = detail.plates.length === 0;
  fillWith("axles", detail.axles);
  fillWith("acts", detail.acts);
  one("[data-axles]").hidden = detail.axles.length === 0;
  one("[data-axle-note]").textContent = detail.axle_note;
  one("[data-acts-head]").hidden = detail.acts.length === 0;
  const footage = one("[data-footage]");
  footage.hidden = !detail.footage;
  if (detail.footage) footage.href = detail.footage;
  showRelease(detail.release);
  if (["none", "loading"].includes(right.dataset.view)) view("facts");
  steps.load();
  lock();
}

const fillWith = (name, items, by = name) => fill(one(`[data-fill="${name}"]`), template(by), items);

function showVerdict(verdict) {
  const head = one("[data-verdict]");
  head.hidden = !verdict;
  if (verdict) write(head, verdict);
  one("[data-caution]").textContent = verdict?.caution || "";
  one("[data-settles]").textContent = verdict?.missing ? _("This would settle it: {what}", { what: verdict.missing }) : "";
  fillWith("candidates", verdict?.candidates || []);
  fillWith("notes", verdict?.notes || [], "words");
}

function showPictures(stills) {
  fillWith("stills", stills);
  const here = stills.filter((still) => still.address);
  if (!here.some((still) => still.address === shownPicture)) shownPicture = here[0]?.address || null;
  one("[data-picture-frame]").hidden = !shownPicture;
  const away = one("[data-away]");
  away.hidden = Boolean(shownPicture);
  away.textContent = stills.length ? _("Pictures are on their way.") : _("No picture.");
  const image = one("[data-picture]");
  if (shownPicture && image.getAttribute("src") !== shownPicture) image.src = shownPicture;
  image.alt = here.find((still) => still.address === shownPicture)?.caption || "";
  for (const thumb of all(".thumb")) thumb.setAttribute("aria-pressed", String(thumb.dataset.mark === shownPicture));
}

one('[data-fill="stills"]').addEventListener("click", (event) => {
  const address = event.target.closest(".thumb")?.dataset.mark;
  if (!address || !detail) return;
  shownPicture = address;
  showPictures(detail.stills);
});

// --- what may be done --------------------------------------------------------------------------------------------

const button = (name) => one(`[data-act="${name}"]`);
const keys = new Map(); // one key an intention: a tap that is repeated after a lost answer stays the same act
let busy = false;

function lock() {
  const box = chosen?.split("/")[0];
  const free = told.can_act && detail && !busy && !locked(box);
  button("release").disabled = !(free && !detail.released);
  button("hold").disabled = !(free && detail.holds);
  button("confirm").disabled = !(told.can_act && detail && !busy && !stale.queue && detail.confirms);
  button("submit").disabled = !(told.can_act && detail && !busy && !stale.queue && Object.keys(seen).length > 0);
  button("release-with").disabled = !(free && grounded());
  button("release").dataset.state = detail && !detail.release.free ? "asks" : "";
  one('[data-why="release"]').textContent = whyRelease(box);
  one('[data-why="confirm"]').textContent = detail?.verdict?.missing || "";
}

function whyRelease(box) {
  if (!detail) return "";
  if (locked(box)) return _("not while the values are not current");
  return detail.release.free ? _("may go") : detail.release.why;
}

function say(words, state = "bad") {
  const notice = one("[data-notice]");
  notice.dataset.state = state;
  notice.textContent = words;
}

async function act(name, body, done) {
  const id = chosen;
  const intent = `${name} ${id} ${JSON.stringify(body)}`;
  if (!keys.has(intent)) keys.set(intent, newKey());
  busy = true;
  lock();
  const answer = await send(path(id, name), body, { key: keys.get(intent) });
  busy = false;
  if (answer.ok) {
    keys.delete(intent);
    if (id === chosen) {
      view("facts");
      show(answer.data.detail);
      say(done, "good");
    }
  } else if (id === chosen) say(answer.problem);
  lock();
  return answer.ok;
}

button("release").addEventListener("click", () => {
  if (detail.release.free) act("release", {}, _("Released and written down."));
  else {
    say("");
    view("release");
  }
});

new Holding(button("hold"), () => act("hold", {}, _("Held and written down.")));

const steps = new Steps({ vehicle: () => chosen, view, say });

for (const back of all("[data-back]")) back.addEventListener("click", () => view("facts"));

// --- confirming the vehicle --------------------------------------------------------------------------------------

let seen = {};
const draft = () => `seen ${chosen}`;

button("confirm").addEventListener("click", () => {
  say("");
  seen = JSON.parse(localStorage.getItem(draft()) || "{}");
  view("confirm");
  showChoices();
});

one("[data-form]").addEventListener("click", (event) => {
  const choice = event.target.closest("[data-choice]");
  if (!choice) return;
  const { choice: field, answer } = choice.dataset;
  const value = JSON.parse(answer);
  if (seen[field] === value) delete seen[field];
  else seen[field] = value;
  localStorage.setItem(draft(), JSON.stringify(seen));
  showChoices();
});

function showChoices() {
  for (const choice of all("[data-choice]")) {
    const known = seen[choice.dataset.choice] ?? detail.facts[choice.dataset.choice];
    choice.setAttribute("aria-pressed", String(known === JSON.parse(choice.dataset.answer)));
  }
  lock();
  preview();
}

const preview = paced(async () => {
  const [id, facts] = [chosen, { ...seen }];
  const answer = await send(path(id, "judge"), { seen: facts }, { key: null });
  if (id !== chosen || right.dataset.view !== "confirm") return;
  if (!answer.ok) return say(answer.problem);
  const why = answer.data.missing ? _("still open: {what}", { what: answer.data.missing }) : answer.data.candidates.at(-1)?.value || "";
  write(one("[data-preview]"), { ...answer.data, why });
}, 5);

button("submit").addEventListener("click", async () => {
  const done = draft();
  if (await act("confirm", { seen }, _("Confirmed and written down."))) {
    localStorage.removeItem(done);
    seen = {};
  }
});

// --- releasing with grounds --------------------------------------------------------------------------------------

function showRelease(release) {
  one("[data-release-why]").textContent = release.why;
  one("[data-reweigh-part]").hidden = !release.over;
  one("[data-no-reweigh]").hidden = release.reweighs.length > 0;
  one("[data-police-part]").hidden = !release.needs_police || Boolean(release.finding);
  one("[data-go-finding]").hidden = !release.finding;
  fillWith("reweighs", release.reweighs);
  if (!release.reweighs.some((offer) => offer.id === reweigh)) reweigh = null;
  showOffers();
}

function showOffers() {
  for (const offer of all(".offer")) offer.setAttribute("aria-pressed", String(offer.dataset.id === reweigh));
}

one('[data-fill="reweighs"]').addEventListener("click", (event) => {
  const id = event.target.closest(".offer")?.dataset.id;
  if (!id) return;
  reweigh = reweigh === id ? null : id;
  showOffers();
  lock();
});
one("[data-release]").addEventListener("submit", (event) => event.preventDefault());
one("[data-form]").addEventListener("submit", (event) => event.preventDefault());
one("[data-go-finding]").addEventListener("click", () => choose(detail.release.finding));

const written = (name) => one(`[data-${name}]`)?.value.trim() || "";

// Whether everything is put forward that a release needs; the station decides.
function grounded() {
  const { finding, over, needs_police: police } = detail.release;
  if (written("override")) return true;
  return !finding && (!over || reweigh !== null) && (!police || written("police") !== "");
}

one("[data-release]").addEventListener("input", lock);
button("release-with").addEventListener("click", () => {
  const body = { police_result: written("police") };
  if (reweigh) body.reweigh = { box: reweigh.split("/")[0], passage: reweigh.split("/")[1] };
  const reason = written("override");
  if (reason) body.override_reason = reason;
  act("release", body, _("Released and written down."));
});

// --- station, lanes, centre --------------------------------------------------------------------------------------

function showState(now) {
  one("[data-field=centre]").textContent = now.centre;
  one("[data-centre]").dataset.state = now.centre_state;
  one("[data-field=today]").textContent = now.today;
  fillWith("chips", now.chips);
}

// --- live --------------------------------------------------------------------------------------------------------

const live = new Live()
  .on(`queue.${language}`, {
    snapshot: (now) => {
      const first = lines.size === 0;
      const known = new Set(now.lines.map((line) => line.id));
      for (const id of [...lines.keys()]) if (!known.has(id)) lines.delete(id);
      if (!first) return takeLines(now.lines);
      for (const line of now.lines) lines.set(line.id, line);
      toNewest();
      const waiting = now.lines.filter((line) => line.waits).at(-1);
      if (waiting && !chosen) choose(waiting.id);
    },
    delta: (now) => takeLines(now.lines),
    stale: () => {
      stale.queue = true;
      if (weight) blankWeight(_("No connection to the station: no current weight"));
      lock();
    },
    fresh: () => {
      stale.queue = false;
      if (chosen) load();
      lock();
    },
  })
  .on(`state.${language}`, { snapshot: showState });

for (const box of told.platforms) {
  const here = box === told.platform;
  live.on(`weight.${box}`, {
    snapshot: (now) => here && showWeight(now),
    stale: () => {
      stale.weight.set(box, true);
      if (here && !stale.queue) blankWeight(_("The scale has gone silent: no current weight"));
      lock();
    },
    fresh: () => {
      stale.weight.set(box, false);
      lock();
    },
  });
  if (here) live.on(`glimpse.${box}`, { snapshot: (now) => showGlimpse(box, now) });
}
live.start();
if (location.hash.includes("/")) choose(decodeURIComponent(location.hash.slice(1)));
