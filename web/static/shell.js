// What every page does: the clock in the header ticks.
import { stamp } from "./format.js";

const clocks = document.querySelectorAll("[data-clock]");

function tick() {
  const now = Date.now();
  for (const element of clocks) element.textContent = stamp(now);
  setTimeout(tick, 1000 - (now % 1000) + 5);
}

if (clocks.length) tick();
