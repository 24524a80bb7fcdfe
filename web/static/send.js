// A changing request: form token, JSON, and an answer that is either data or a sentence for a person.
import { _ } from "./texts.js";

const token = () => document.querySelector('meta[name="csrf"]')?.content || "";

// crypto.randomUUID is missing where a tablet comes by plain http; this is not.
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function listen(form, act) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    return act(event);
  });
}

// Buttons that act by script are off until it listens: a tap before that would do nothing and say nothing.
export function wake() {
  for (const button of document.querySelectorAll("button[disabled]")) button.disabled = false;
}

// `key` makes a repeated tap harmless: the server does the same thing once.
export async function send(path, body = {}, { method = "POST", key = newKey() } = {}) {
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token() };
  if (key) headers["Idempotency-Key"] = key;
  const answer = await fetch(path, { method, headers, body: JSON.stringify(body) }).catch(() => null);
  if (!answer) return { ok: false, problem: _("No connection; nothing was sent.") };
  if (answer.status === 401) {
    location.reload();
    return { ok: false, problem: _("Please sign in again.") };
  }
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) return { ok: false, status: answer.status, problem: data.detail || _("This was refused."), data };
  return { ok: true, status: answer.status, data };
}
