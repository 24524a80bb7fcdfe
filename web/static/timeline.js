// One time axis as SVG: a bar for each recording, the marks on it, and one cursor over all of them.
import { niceStep } from "./trace.js";

const NS = "http://www.w3.org/2000/svg";
const BOX = { width: 1000, left: 8, right: 8, row: 30, foot: 22 };

export class Timeline {
  // rows: [{ id, from, to, marks: [{ id, from, to, state }] }] in ms of the axis; `say` words a moment of the axis.
  constructor(svg, { from, to, rows, say, label = "" }) {
    this.svg = svg;
    this.from = from;
    this.to = Math.max(to, from + 1);
    this.height = rows.length * BOX.row + BOX.foot;
    svg.setAttribute("viewBox", `0 0 ${BOX.width} ${this.height}`);
    svg.setAttribute("role", "img");
    if (label) svg.setAttribute("aria-label", label);
    svg.replaceChildren();
    rows.forEach((row, place) => this.row(row, place * BOX.row));
    this.ticks(say);
    this.cursor = this.add("line", { class: "trace-cursor", y1: 0, y2: this.height - BOX.foot, x1: 0, x2: 0 });
    this.at(from);
  }

  x(ms) {
    return BOX.left + ((ms - this.from) / (this.to - this.from)) * (BOX.width - BOX.left - BOX.right);
  }

  row({ from, to, marks }, y) {
    const wide = (a, b) => Math.max(4, this.x(b) - this.x(a));
    this.add("rect", { class: "line-bar", x: this.x(from), y: y + 8, width: wide(from, to), height: BOX.row - 12 });
    for (const mark of marks) {
      const part = { class: "line-mark", x: this.x(mark.from), y: y + 3, width: wide(mark.from, mark.to), height: BOX.row - 6 };
      this.add("rect", { ...part, "data-state": mark.state, "data-tag": mark.id });
    }
  }

  ticks(say) {
    const step = niceStep((this.to - this.from) / 6 / 1000) * 1000;
    for (let ms = Math.ceil(this.from / step) * step; ms <= this.to; ms += step) {
      const x = this.x(ms);
      const anchor = x < 60 ? "start" : x > BOX.width - 60 ? "end" : "middle";
      this.add("text", { x, y: this.height - 6, "text-anchor": anchor, class: "trace-tick" }).textContent = say(ms);
    }
  }

  at(ms) {
    const x = this.x(Math.max(this.from, Math.min(this.to, ms)));
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
  }

  // The moment under a pointer.
  moment(event) {
    const area = this.svg.getBoundingClientRect();
    const scale = Math.min(area.width / BOX.width, area.height / this.height);
    const x = (event.clientX - area.left - (area.width - BOX.width * scale) / 2) / scale;
    const share = (x - BOX.left) / (BOX.width - BOX.left - BOX.right);
    return this.from + Math.max(0, Math.min(1, share)) * (this.to - this.from);
  }

  add(name, attributes) {
    const element = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    this.svg.append(element);
    return element;
  }
}
