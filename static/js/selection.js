// Selecting requests of the queue: x or their boxes. Two or more are looked at together under the list.
import { say } from "./announce.js";
import { onKey } from "./keys.js";

const form = document.querySelector("[data-selection]");
const panel = document.querySelector("[data-together]");
const texts = document.querySelector("[data-pane]").dataset;
const count = form.querySelector("[data-selection-count]");
const together = form.querySelector("button.primary");
const boxes = () => [...document.querySelectorAll("[data-pick]")];
const chosen = () => boxes().filter((box) => box.checked);
let shown = "", timer;

function show() {
  const names = chosen().map((box) => box.value);
  count.textContent = form.dataset.said.replace("{count}", names.length);
  together.hidden = names.length < 2 || !panel.hidden;  // it leads to the page, where there are no scripts
  clearTimeout(timer);
  if (names.length < 2) {
    panel.hidden = true;
    panel.replaceChildren();
    shown = "";
    return;
  }
  timer = setTimeout(() => look(names), 120);
}

async function look(names) {
  const key = names.join(" ");
  if (key === shown) return;
  shown = key;
  const typed = panel.querySelector("textarea")?.value ?? "";
  const address = `${form.action}?${new URLSearchParams(names.map((name) => ["r", name]))}`;
  await htmx.ajax("GET", address, { target: panel, swap: "innerHTML" });
  if (shown !== key) return;
  panel.hidden = false;
  together.hidden = true;
  say(panel.querySelector(".batch-title, .batch-why")?.textContent.trim());
  const box = panel.querySelector("textarea");
  if (box) box.value = typed;
}

function clear() {
  for (const box of chosen()) box.checked = false;
  show();
}

function toggle() {
  const row = document.activeElement?.closest("[data-reference]") ?? document.querySelector("[data-list] > [aria-current]");
  const box = row?.querySelector("[data-pick]");
  if (!box) return;
  box.checked = !box.checked;
  show();
}

document.addEventListener("change", (event) => { if (event.target.matches("[data-pick]")) show(); });
// A box that was clicked gives the keys back to the list.
document.addEventListener("click", (event) => {
  if (event.target.matches("[data-pick]") && event.detail) {
    event.target.closest("[data-reference]").querySelector(".row-link").focus({ preventScroll: true });
  }
});
form.addEventListener("reset", (event) => { event.preventDefault(); clear(); });
document.addEventListener("atlas:swapped", () => { if (chosen().length || shown) show(); });
document.addEventListener("atlas:escape", clear);
addEventListener("pageshow", show);
onKey("x", toggle, texts.keySelect);
