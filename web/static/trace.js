// A weight over time as SVG: what the scale said, point by point, nothing smoothed or filled in.
import { grouped } from "./format.js";

const NS = "http://www.w3.org/2000/svg";
const BOX = { width: 640, height: 240, left: 64, right: 14, top: 14, bottom: 30 };

export class Trace {
  // points: [[ms, kg], ...]; marks: [{ at, label, tone }] vertical; levels: [{ kg, label, tone }] horizontal.
  constructor(svg, { points, marks = [], levels = [], label = "" }) {
    this.svg = svg;
    this.points = points;
    this.from = Math.min(0, points[0]?.[0] ?? 0);
    this.to = Math.max(points.at(-1)?.[0] ?? 1, this.from + 1);
    const highest = Math.max(1, ...points.map(([, kg]) => kg), ...levels.map(({ kg }) => kg));
    this.yStep = niceStep(highest / 4);
    this.yTop = Math.ceil((highest * 1.02) / this.yStep) * this.yStep;
    svg.setAttribute("viewBox", `0 0 ${BOX.width} ${BOX.height}`);
    svg.setAttribute("role", "img");
    if (label) svg.setAttribute("aria-label", label);
    svg.replaceChildren();
    this.axes();
    const named = levels.filter(({ label: words }) => words).toSorted((a, b) => b.kg - a.kg);
    for (const level of levels) this.level(level, named.indexOf(level));
    for (const mark of marks) this.mark(mark);
    this.line();
    this.cursor();
  }

  x(ms) {
    return BOX.left + ((ms - this.from) / (this.to - this.from)) * (BOX.width - BOX.left - BOX.right);
  }

  y(kg) {
    return BOX.height - BOX.bottom - (kg / this.yTop) * (BOX.height - BOX.top - BOX.bottom);
  }

  axes() {
    for (let kg = 0; kg <= this.yTop; kg += this.yStep) {
      const y = this.y(kg);
      this.add("line", { class: "trace-grid", x1: BOX.left, x2: BOX.width - BOX.right, y1: y, y2: y });
      this.text(BOX.left - 8, y + 4, grouped(kg), "end");
    }
    const step = niceStep((this.to - this.from) / 6 / 1000) * 1000;
    for (let ms = Math.ceil(this.from / step) * step; ms <= this.to; ms += step) {
      this.text(this.x(ms), BOX.height - 9, `${Number((ms / 1000).toFixed(2))} s`, "middle");
    }
  }

  // The highest is named above its line, the others below theirs, so that close ones can both be read.
  level({ kg, label, tone = "" }, place) {
    const y = this.y(kg);
    this.add("line", { class: `trace-level ${tone}`, x1: BOX.left, x2: BOX.width - BOX.right, y1: y, y2: y });
    if (label) this.text(BOX.left + 8, place ? y + 14 : y - 5, label, "start", `trace-label ${tone}`);
  }

  mark({ at, label, tone = "" }) {
    const x = this.x(at);
    this.add("line", { class: `trace-mark ${tone}`, x1: x, x2: x, y1: BOX.top, y2: BOX.height - BOX.bottom });
    if (label) this.text(x + 4, BOX.top + 10, label, "start", `trace-label ${tone}`);
  }

  line() {
    const d = this.points.map(([ms, kg], n) => `${n ? "L" : "M"}${this.x(ms).toFixed(1)} ${this.y(kg).toFixed(1)}`).join("");
    this.add("path", { class: "trace-line", d });
  }

  cursor() {
    this.cursorLine = this.add("line", { class: "trace-cursor", y1: BOX.top, y2: BOX.height - BOX.bottom, x1: 0, x2: 0 });
    this.cursorDot = this.add("circle", { class: "trace-cursor", r: 4, cx: 0, cy: 0 });
    this.hide();
  }

  hide() {
    for (const part of [this.cursorLine, this.cursorDot]) part.setAttribute("visibility", "hidden");
  }

  // Put the cursor at a moment; answers the point that holds then (the last one not after it), or null.
  at(ms) {
    const point = this.points.findLast(([at]) => at <= ms);
    if (ms < this.from || ms > this.to || !point) {
      this.hide();
      return null;
    }
    const x = this.x(ms);
    this.cursorLine.setAttribute("x1", x);
    this.cursorLine.setAttribute("x2", x);
    this.cursorDot.setAttribute("cx", x);
    this.cursorDot.setAttribute("cy", this.y(point[1]));
    for (const part of [this.cursorLine, this.cursorDot]) part.setAttribute("visibility", "visible");
    return point;
  }

  // The moment under a pointer.
  moment(event) {
    const area = this.svg.getBoundingClientRect();
    const scale = Math.min(area.width / BOX.width, area.height / BOX.height);
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

  text(x, y, words, anchor, style = "trace-tick") {
    this.add("text", { x, y, "text-anchor": anchor, class: style }).textContent = words;
  }
}

// 1, 2 or 5 times a power of ten, not below the value.
export function niceStep(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((factor) => factor * power >= value) * power;
}

