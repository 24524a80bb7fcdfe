// One WebSocket a page: topics, snapshot then deltas, and the truth about whether what is shown is still so.
//
// Nothing heard for 3 s (or for a topic's own `stale_ms`): values marked data-value are blanked, controls marked
// data-needs="topic" are disabled (a page renders them disabled), the strip says since when.  Back by itself, at most
// 5 s between tries.
import { _ } from "./texts.js";
import { BLANK, clock } from "./format.js";

const STALE_MS = 3_000;
const LONGEST_WAIT_MS = 5_000;
const CHECK_MS = 200;

export class Live {
  // `now` and `open` are given by tests.
  constructor({ now = () => performance.now(), open = (url) => new WebSocket(url), root = document } = {}) {
    this.now = now;
    this.open = open;
    this.root = root;
    this.topics = new Map();
    this.state = "connecting";
    this.tries = 0;
    this.heard = -Infinity;
    this.tried = now();
    this.serverOffset = null;
    this.build = root.querySelector('meta[name="build"]')?.content;
  }

  // handlers: { snapshot(data), delta(data), stale(), fresh() }, all optional but snapshot.
  on(name, handlers) {
    this.topics.set(name, { name, handlers, n: -1, at: -Infinity, staleMs: null, stale: null });
    return this;
  }

  start() {
    this.connect();
    this.timer = setInterval(() => this.check(), CHECK_MS);
    addEventListener("pagehide", () => this.socket?.close());
    return this;
  }

  connect() {
    this.tried = this.now();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = this.open(`${scheme}://${location.host}/live`);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ want: [...this.topics.keys()] }));
    socket.onmessage = (event) => this.socket === socket && this.receive(event.data);
    socket.onclose = (event) => this.socket === socket && this.lost(event.code);
  }

  receive(data) {
    const message = JSON.parse(typeof data === "string" ? data : new TextDecoder().decode(data));
    this.heard = this.now();
    this.tries = 0;
    if (message.k === "hello") this.hello(message);
    else if (message.k === "beat") this.serverOffset = message.at_ms - Date.now();
    else if (message.k === "snap") this.snapshot(message);
    else if (message.k === "delta") this.delta(message);
    this.show();
  }

  hello(message) {
    for (const topic of this.topics.values()) topic.n = -1;
    if (this.build && message.build !== this.build) this.reload(message.build);
  }

  // Once per build, so that two servers of different age behind one address do not make the page spin.
  reload(build) {
    if (sessionStorage.getItem("reloaded-for") === build) return;
    if (!this.root.dispatchEvent(new CustomEvent("weighpost:reload", { cancelable: true }))) return;
    sessionStorage.setItem("reloaded-for", build);
    location.reload();
  }

  snapshot(message) {
    const topic = this.topics.get(message.t);
    if (!topic) return;
    topic.staleMs = message.stale_ms;
    this.take(topic, message, message.age_ms ?? (topic.staleMs === null ? 0 : Infinity), topic.handlers.snapshot);
  }

  delta(message) {
    const topic = this.topics.get(message.t);
    if (!topic || topic.n < 0 || message.n <= topic.n) return;
    this.take(topic, message, 0, topic.handlers.delta || topic.handlers.snapshot);
  }

  // Only a message makes a topic fresh: blanked values stay blank until the handler has written them again.
  take(topic, message, age, handler) {
    topic.n = message.n;
    topic.at = this.now() - age;
    const was = topic.stale;
    topic.stale = this.isOld(topic);
    handler(message.d);
    if (topic.stale !== was || topic.stale) this.mark(topic);
    if (topic.stale !== was) (topic.stale ? topic.handlers.stale : topic.handlers.fresh)?.();
  }

  lost(code) {
    this.socket = null;
    if (code === 4401) location.reload();
    const wait = Math.min(LONGEST_WAIT_MS, 400 * 2 ** this.tries) * (0.75 + Math.random() / 4);
    this.tries += 1;
    if (this.tries > 2) this.askSession();
    this.retry = setTimeout(() => this.connect(), wait);
  }

  // The handshake of a session that has ended just fails; ask, and go to the login when that is why.
  async askSession() {
    const answer = await fetch("/session", { cache: "no-store" }).catch(() => null);
    if (answer?.status === 401) location.reload();
  }

  check() {
    const now = this.now();
    const since = Math.max(this.heard, this.tried);
    if (this.socket && now - since > STALE_MS) {
      const socket = this.socket;
      this.lost(0);
      socket.close();
    }
    this.show();
  }

  show() {
    const silent = this.now() - this.heard > STALE_MS;
    const state = this.heard === -Infinity ? (this.now() - this.tried > STALE_MS || this.tries ? "stale" : "connecting") : silent ? "stale" : "live";
    for (const topic of this.topics.values()) this.showTopic(topic, state);
    if (state === this.state) return;
    this.state = state;
    this.root.documentElement.dataset.connection = state;
    for (const strip of this.root.querySelectorAll("[data-strip-text]")) strip.textContent = this.sentence(state);
  }

  sentence(state) {
    if (state === "live") return _("Live");
    if (state === "connecting") return _("Connecting …");
    if (this.heard === -Infinity) return _("No connection. What is shown may be old.");
    return _("No connection since {time}. What is shown is not current.", { time: clock(Date.now() - (this.now() - this.heard)) });
  }

  isOld(topic) {
    return topic.staleMs !== null && this.now() - topic.at > topic.staleMs;
  }

  showTopic(topic, state) {
    if (topic.stale || !(state === "stale" || this.isOld(topic))) return;
    topic.stale = true;
    this.mark(topic);
    topic.handlers.stale?.();
  }

  // Blanks values and locks controls that belong to the topic, or frees the controls.
  mark(topic) {
    for (const area of this.root.querySelectorAll(`[data-topic="${CSS.escape(topic.name)}"]`)) {
      area.toggleAttribute("data-stale", topic.stale);
      if (topic.stale) for (const value of area.querySelectorAll("[data-value]")) value.textContent = BLANK;
    }
    for (const control of this.root.querySelectorAll(`[data-needs~="${CSS.escape(topic.name)}"]`)) {
      control.disabled = topic.stale || "off" in control.dataset;
    }
  }
}
