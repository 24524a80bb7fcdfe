// The words of this page in the reader's language, from the one JSON block of the frame.
const texts = JSON.parse(document.getElementById("texts")?.textContent || "{}");

export const language = document.documentElement.lang || "zh-CN";

// The text for a key, with {names} filled in; a key that is missing shows itself.
export function _(key, values = {}) {
  return (texts[key] || key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
