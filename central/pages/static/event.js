// One crossing: pictures to look into, and one moment shared by clip and weight trace.
import { grouped } from "../web/format.js";
import { _ } from "../web/texts.js";
import { Together } from "../web/together.js";
import { Trace } from "../web/trace.js";
import { Zoom } from "../web/zoom.js";

function pictures() {
  const frame = document.querySelector("[data-zoom-frame]");
  if (!frame) return;
  const image = frame.querySelector("[data-zoom-image]");
  const caption = document.querySelector("[data-picture-caption]");
  const zoom = new Zoom(frame, image);
  const thumbs = [...document.querySelectorAll("[data-picture]")];
  const show = (thumb) => {
    image.src = thumb.dataset.picture;
    image.alt = thumb.dataset.caption;
    caption.textContent = thumb.dataset.caption;
    for (const other of thumbs) other.toggleAttribute("aria-current", other === thumb);
    zoom.reset();
  };
  for (const thumb of thumbs) {
    thumb.addEventListener("click", (event) => {
      event.preventDefault();
      show(thumb);
    });
  }
  frame.querySelector("[data-zoom-in]").addEventListener("click", () => zoom.by(1.5));
  frame.querySelector("[data-zoom-out]").addEventListener("click", () => zoom.by(1 / 1.5));
  frame.querySelector("[data-zoom-reset]").addEventListener("click", () => zoom.reset());
  if (thumbs.length) show(thumbs[0]);
}

let together = null;

function weight() {
  const svg = document.querySelector("[data-trace]");
  if (!svg) return;
  const told = JSON.parse(svg.dataset.trace);
  const trace = new Trace(svg, told);
  const reading = document.querySelector("[data-trace-reading]");
  const say = (ms) => {
    const point = trace.at(ms);
    reading.textContent = point
      ? _("{seconds} s after arrival: {mass} kg", { seconds: (point[0] / 1000).toFixed(2), mass: grouped(point[1]) })
      : _("At this moment the scale said nothing.");
  };
  svg.addEventListener("pointermove", (event) => say(trace.moment(event)));
  const clips = [...document.querySelectorAll("video[data-starts-ms]")];
  together = new Together(
    clips.map((video) => ({ video, from: Number(video.dataset.startsMs) })),
    say,
  );
  svg.addEventListener("click", (event) => together.go(trace.moment(event)));
}

// A mark shows its moment, everywhere.
function marks() {
  for (const button of document.querySelectorAll(".clip-marks [data-at]")) {
    const video = button.closest(".clip").querySelector("video");
    button.addEventListener("click", () => {
      const one = together?.videos.find((each) => each.video === video);
      if (one) together.go(one.from + Number(button.dataset.at) * 1000, one);
      else if (video) video.currentTime = Number(button.dataset.at);
    });
  }
}

pictures();
weight();
marks();
