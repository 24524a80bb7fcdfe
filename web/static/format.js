// Numbers and times as people here read them: UTC milliseconds inside, Asia/Shanghai on screens.
const OFFSET_MS = 8 * 3_600_000; // one zone, no daylight saving since 1991
const GAP = "\u00a0";

export const BLANK = "------";

export function grouped(value) {
  return value == null ? "—" : String(value).replace(/\B(?=(\d{3})+$)/g, GAP);
}

const pad = (value, width = 2) => String(value).padStart(width, "0");

// 14:03:07
export function clock(atMs) {
  const at = new Date(atMs + OFFSET_MS);
  return `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())}`;
}

// 2026-08-28 14:03:07
export function stamp(atMs) {
  const at = new Date(atMs + OFFSET_MS);
  return `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())} ${clock(atMs)}`;
}
