// Steps of enforcement that must be on footage: one touch marks the moment, a reason explains what is missing.
import { fill } from "../web/bind.js";
import { send } from "../web/send.js";
import { _ } from "../web/texts.js";

const one = (selector) => document.querySelector(selector);
const buttons = one("[data-steps]");

// `vehicle()` is the id of the one that is shown, `view(name)` changes what is shown of it, `say` tells the officer.
export class Steps {
  #vehicle;
  #say;
  #asking = null;
  #busy = false;
  #turn = 0; // what was asked for before the newest answer came is older than it

  constructor({ vehicle, view, say }) {
    this.#vehicle = vehicle;
    this.#say = say;
    if (!buttons) return; // no recorders are taken in here
    one('[data-act="steps"]').addEventListener("click", () => {
      this.#ask(null);
      view("steps");
    });
    buttons.addEventListener("click", (event) => this.#touched(event));
    one("[data-gap]").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#explain();
    });
  }

  async load() {
    const id = this.#vehicle();
    if (!buttons || !id) return;
    const turn = ++this.#turn;
    const answer = await fetch(`/tablet/${id}/steps`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (turn === this.#turn && id === this.#vehicle()) this.#show(answer?.ok ? await answer.json() : { steps: [], says: "" });
  }

  #show({ steps, says }) {
    fill(buttons, one('[data-template="steps"]'), steps);
    one('[data-why="steps"]').textContent = says;
    one('[data-act="steps"]').disabled = steps.length === 0;
    for (const step of steps) buttons.querySelector(`[data-id="${step.id}"] [data-why-not]`).hidden = !step.asks;
  }

  #touched(event) {
    const step = event.target.closest("[data-id]")?.dataset.id;
    if (!step || buttons.dataset.acts !== "true") return;
    if (event.target.closest("[data-why-not]")) this.#ask(step);
    else if (event.target.closest(".step")) this.#post("steps", { step }, _("Marked and written down."));
  }

  #ask(step) {
    this.#asking = step;
    const form = one("[data-gap]");
    form.hidden = !step;
    form.reset();
    form.parentElement.scrollTop = 0;
    if (!step) return;
    const name = buttons.querySelector(`[data-id="${step}"] .step-name`).textContent;
    one("[data-gap-of]").textContent = _("Why has this step no footage: {step}", { step: name });
    form.querySelector("input").focus();
  }

  async #explain() {
    const reason = one("[data-gap] input").value.trim();
    if (!this.#asking || !reason) return;
    if (await this.#post("gaps", { step: this.#asking, reason }, _("Reason written down."))) this.#ask(null);
  }

  async #post(act, body, words) {
    if (this.#busy) return false;
    const id = this.#vehicle();
    this.#busy = true;
    const answer = await send(`/tablet/${id}/${act}`, body);
    this.#busy = false;
    this.#turn += 1;
    if (id !== this.#vehicle()) return answer.ok;
    if (answer.ok) this.#show(answer.data);
    this.#say(answer.ok ? words : answer.problem, answer.ok ? "good" : "bad");
    return answer.ok;
  }
}
