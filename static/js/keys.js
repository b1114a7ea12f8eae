// Keys. A page registers its own: onKey("a", handler, "what it does"); `?` shows all of them. Two keys in a row are
// written with a space ("g q"). A person can switch them off (WCAG 2.1.4). None of those below decides anything.
const sheet = document.querySelector("[data-help]");
const words = sheet?.dataset ?? {};
const keys = new Map();
let first = "", timer;

/** `text` stands in the help sheet; without it the key is not listed. A later one replaces an earlier one. */
export function onKey(key, handler, text = "") {
  keys.set(key, { handler, text });
}

export const areKeysOn = () => document.body.dataset.keys !== "off";

const links = () => [...document.querySelectorAll("[data-list] .row-link")];

function move(step) {
  const all = links();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + step))].focus();
}

function search() {
  const field = document.querySelector("[data-search]");
  if (field) field.focus();
  else location.assign(document.querySelector('a[data-goto="h"]').href);
}

if (document.querySelector("[data-list], [data-queue]")) {
  onKey("j", () => move(1), words.next);
  onKey("k", () => move(-1), words.next);
}
onKey("n", () => document.querySelector("[data-fresh]:not([hidden])")?.click(), document.querySelector("[data-fresh]") ? words.freshKey : "");
onKey("u", () => location.assign(document.querySelector("[data-home]").href), words.back);
onKey("/", search, words.searchKey);
for (const link of document.querySelectorAll("a[data-goto]")) {
  onKey(`g ${link.dataset.goto}`, () => link.click(), words.goto?.replace("{page}", link.title));
}
onKey("?", show, words.sheet);

/** One line per text: keys that do the same stand together. */
function show() {
  const lines = new Map();
  for (const [key, { text }] of keys) if (text) lines.set(text, [...(lines.get(text) ?? []), key]);
  sheet.querySelector("[data-help-list]").replaceChildren(...[...lines].map(([text, names]) => line(text, names)));
  sheet.showModal();
}

function line(text, names) {
  const row = document.createElement("div"), term = document.createElement("dt"), what = document.createElement("dd");
  for (const name of names.flatMap((each) => each.split(" "))) {
    const cap = document.createElement("kbd");
    cap.textContent = name;
    term.append(cap);
  }
  what.textContent = text;
  row.append(term, what);
  return row;
}

document.addEventListener("keydown", (event) => {
  if (!areKeysOn() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, dialog[open], [contenteditable]")) return;
  const name = first ? `${first} ${event.key}` : event.key;
  first = "";
  const found = keys.get(name);
  if (found) {
    event.preventDefault();
    found.handler(event);
  } else if ([...keys.keys()].some((each) => each.startsWith(`${name} `))) {
    first = name;
    clearTimeout(timer);
    timer = setTimeout(() => { first = ""; }, 1500);
  }
});
