// Forms that say something once: `form[data-send]` goes as JSON to its address, and the page shows what is known then.
import { listen, send, wake } from "../web/send.js";

const notice = document.querySelector("[data-notice]");

async function submit(event) {
  const form = event.currentTarget;
  const said = Object.fromEntries(new FormData(form, event.submitter));
  const buttons = form.querySelectorAll("button");
  // The key is the form's own until it was answered: a second tap is the same tap.
  form.dataset.key ||= crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(16).slice(2, 14)}`;
  for (const button of buttons) button.disabled = true;
  const done = await send(event.submitter?.dataset.to || form.dataset.send, said, { key: form.dataset.key });
  if (done.ok) return location.reload();
  delete form.dataset.key;
  for (const button of buttons) button.disabled = false;
  notice.textContent = done.problem;
  notice.hidden = false;
}

for (const form of document.querySelectorAll("form[data-send]")) listen(form, submit);
wake();
