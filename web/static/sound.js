// A short tone for an alarm, and the truth about whether it can be heard: browsers start silent until a person clicks
// (a kiosk is started with --autoplay-policy=no-user-gesture-required).
import { _ } from "./texts.js";

export class Sound {
  constructor(button) {
    this.button = button;
    this.context = new AudioContext();
    this.context.onstatechange = () => this.show();
    button?.addEventListener("click", () => this.toggle());
    this.show();
  }

  get on() {
    return this.context.state === "running";
  }

  toggle() {
    return this.on ? this.context.suspend() : this.context.resume().then(() => this.tone(660, 0.08));
  }

  show() {
    if (!this.button) return;
    this.button.textContent = this.on ? _("Sound is on") : _("Sound is off");
    this.button.dataset.state = this.on ? "on" : "off";
    this.button.setAttribute("aria-pressed", String(this.on));
  }

  alarm() {
    if (!this.on) return;
    this.tone(880, 0.18);
    this.tone(660, 0.18, 0.22);
  }

  tone(hertz, seconds, after = 0) {
    const start = this.context.currentTime + after;
    const oscillator = this.context.createOscillator();
    const gain = this.context.createGain();
    oscillator.frequency.value = hertz;
    gain.gain.setValueAtTime(0.0001, start);
    gain.gain.exponentialRampToValueAtTime(0.25, start + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + seconds);
    oscillator.connect(gain).connect(this.context.destination);
    oscillator.start(start);
    oscillator.stop(start + seconds + 0.05);
  }
}
