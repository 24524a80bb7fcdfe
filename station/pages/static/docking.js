// The docking station: one card a dock, kept current over the live socket.
import { fill } from "../web/bind.js";
import { Live } from "../web/live.js";

const docks = document.querySelector("[data-docks]");
const template = document.querySelector('[data-template="docks"]');
const show = (told) => fill(docks, template, told.cards);

new Live().on(docks.dataset.topic, { snapshot: show, delta: show }).start();
