// Repaints at most so many times a second, however fast the values come; the last value is always painted.
export function paced(paint, perSecond = 4, { now = () => performance.now(), later = setTimeout } = {}) {
  const gap = 1000 / perSecond;
  let last = -Infinity;
  let waiting = false;
  const run = () => {
    waiting = false;
    last = now();
    paint();
  };
  return () => {
    if (waiting) return;
    const wait = last + gap - now();
    if (wait <= 0) run();
    else {
      waiting = true;
      later(run, wait);
    }
  };
}
