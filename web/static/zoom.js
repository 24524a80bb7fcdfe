// A picture that can be looked into: wheel or buttons zoom, dragging moves, double click goes back to the whole.
const MOST = 8;

export class Zoom {
  constructor(frame, image) {
    this.frame = frame;
    this.image = image;
    this.reset();
    frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    frame.addEventListener("pointerdown", (event) => this.grab(event));
    frame.addEventListener("pointermove", (event) => this.drag(event));
    frame.addEventListener("pointerup", () => (this.held = null));
    frame.addEventListener("pointercancel", () => (this.held = null));
    frame.addEventListener("dblclick", () => this.reset());
  }

  reset() {
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.apply();
  }

  // Zoom about a point of the frame (its middle when none is given), which stays where it is.
  by(factor, x = this.frame.clientWidth / 2, y = this.frame.clientHeight / 2) {
    const scale = Math.max(1, Math.min(MOST, this.scale * factor));
    this.x = x - ((x - this.x) / this.scale) * scale;
    this.y = y - ((y - this.y) / this.scale) * scale;
    this.scale = scale;
    this.apply();
  }

  wheel(event) {
    event.preventDefault();
    const area = this.frame.getBoundingClientRect();
    this.by(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - area.left, event.clientY - area.top);
  }

  grab(event) {
    if (event.target.closest("button")) return;
    this.held = { x: event.clientX - this.x, y: event.clientY - this.y };
    this.frame.setPointerCapture(event.pointerId);
  }

  drag(event) {
    if (!this.held) return;
    this.x = event.clientX - this.held.x;
    this.y = event.clientY - this.held.y;
    this.apply();
  }

  apply() {
    const { clientWidth: width, clientHeight: height } = this.frame;
    this.x = Math.min(0, Math.max(width * (1 - this.scale), this.x));
    this.y = Math.min(0, Math.max(height * (1 - this.scale), this.y));
    this.image.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.frame.dataset.zoom = this.scale.toFixed(2);
  }
}
