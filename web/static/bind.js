// Writes values into marked elements: text only, never HTML.
//
//   <td data-text="plate">            text of the item's `plate`
//   <a data-set="href:link title:why"> attributes of the item; null takes the attribute away
//   data-has="clip"                   hidden while the item's `clip` is empty
const ALLOWED = /^(href|title|class|x|y|width|height|d|points|transform|datetime|lang|aria-label|cx|cy|src|alt|colspan|data-(tone|state|id|mark|colour))$/;

export function write(root, item) {
  for (const element of [root, ...root.querySelectorAll("[data-text], [data-set], [data-has]")]) {
    const { text, set, has } = element.dataset;
    if (text) setText(element, item[text]);
    if (set) for (const pair of set.split(" ")) setAttribute(element, pair, item);
    if (has) element.toggleAttribute("hidden", !item[has]);
  }
}

function setText(element, value) {
  const text = value == null ? "" : String(value);
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, pair, item) {
  const [name, field] = pair.split(":");
  if (!ALLOWED.test(name)) throw new Error(`attribute ${name} is not written from data`);
  const value = item[field];
  if (value == null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

// One element an item, in the order of the items; elements of items that stay are kept and rewritten.
export function fill(container, template, items) {
  const known = new Map([...container.children].map((element) => [element.dataset.id, element]));
  let place = container.firstElementChild;
  for (const item of items) {
    let element = known.get(String(item.id));
    known.delete(String(item.id));
    if (!element) element = fresh(template, item);
    write(element, item);
    if (element === place) place = place.nextElementSibling;
    else container.insertBefore(element, place);
  }
  for (const element of known.values()) element.remove();
}

// A template whose only element is an <svg> is a carrier of the element inside it.
function fresh(template, item) {
  const first = template.content.firstElementChild;
  const element = (first.localName === "svg" ? first.firstElementChild : first).cloneNode(true);
  element.dataset.id = String(item.id);
  return element;
}
