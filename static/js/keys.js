// Keys. A page registers its own: onKey("a", handler, "what it does"); `?` shows all of them; a person can switch them off.
const sheet = document.querySelector("[data-help]");
const keys = new Map();  // "j" or "g q" -> {handler, text}
let first = "", timer;

export function onKey(key, handler, text) {
  keys.set(key, { handler, text });
}

const links = () => [...document.querySelectorAll("[data-list] .row-link")];

function move(step) {
  const all = links();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + step))].focus();
}

onKey("j", () => move(1), "");
onKey("k", () => move(-1), "");
onKey("n", () => document.querySelector("[data-fresh]:not([hidden])")?.click(), "");
onKey("u", () => location.assign(document.querySelector(".top-mark").href), "");
onKey("/", () => {
  const search = document.querySelector("[data-search]");
  if (search) search.focus();
  else location.assign("/history/");
}, "");
onKey("?", () => sheet.showModal(), "");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, dialog[open], [contenteditable]")) return;
  const key = first ? `${first} ${event.key}` : event.key;
  first = "";
  const found = keys.get(key);
  if (found) {
    event.preventDefault();
    found.handler(event);
  } else if ([...keys.keys()].some((name) => name.startsWith(`${key} `))) {
    first = key;
    clearTimeout(timer);
    timer = setTimeout(() => { first = ""; }, 1500);
  }
});
