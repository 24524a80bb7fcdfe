// A button that acts only when it is kept pressed: a touch by mistake does nothing.
const LONG_MS = 1_500;

export class Holding {
  // `now` and `frame` are given by tests.
  constructor(button, act, { now = () => performance.now(), frame = (step) => requestAnimationFrame(step) } = {}) {
    this.button = button;
    this.act = act;
    this.now = now;
    this.frame = frame;
    this.since = null;
    button.addEventListener("pointerdown", (event) => event.button === 0 && this.begin());
    for (const name of ["pointerup", "pointercancel", "pointerleave", "blur"]) button.addEventListener(name, () => this.end());
    button.addEventListener("keydown", (event) => {
      if (["Enter", " "].includes(event.key) && !event.repeat) this.begin();
    });
    button.addEventListener("keyup", () => this.end());
    button.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  begin() {
    if (this.button.disabled || this.since !== null) return;
    this.since = this.now();
    this.step();
  }

  step() {
    if (this.since === null) return;
    if (this.button.disabled) return this.end();
    const share = Math.min(1, (this.now() - this.since) / LONG_MS);
    this.button.style.setProperty("--held", share);
    if (share < 1) this.frame(() => this.step());
    else {
      this.end();
      this.act();
    }
  }

  end() {
    this.since = null;
    this.button.style.setProperty("--held", 0);
  }
}
