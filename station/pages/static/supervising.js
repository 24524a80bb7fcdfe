// Forms of supervisors: what is typed goes as JSON, and the page shows how things are after it.
import { listen, newKey, send, wake } from "../web/send.js";

for (const form of document.querySelectorAll("form[data-post]")) {
  const key = newKey(); // the same form sent again after a lost answer is the same act
  listen(form, async () => {
    const button = form.querySelector("button");
    button.disabled = true;
    const answer = await send(form.dataset.post, said(form), { key });
    if (answer.ok) return location.reload();
    button.disabled = false;
    document.querySelector("[data-notice]").textContent = answer.problem;
  });
}
wake();

function said(form) {
  const body = {};
  for (const field of form.querySelectorAll("[name]")) {
    const value = field.value.trim();
    if ("list" in field.dataset) body[field.name] = [value];
    else if ("number" in field.dataset) body[field.name] = Number(value);
    else if (value) body[field.name] = value;
  }
  return body;
}
