// The preview on wide screens: j and k read cases without leaving the list, the address stays. Enter opens the page.
import { onKey } from "./keys.js";

const queue = document.querySelector("[data-queue]");
const pane = document.querySelector("[data-pane]");
const body = pane.querySelector("[data-pane-body]");
const wait = pane.querySelector("[data-pane-wait]");
const button = document.querySelector("[data-pane-switch]");
const open = pane.querySelector("[data-pane-open]");
const wide = matchMedia("(min-width: 1200px)");
const KEPT = "atlas-preview";
let shown = "", timer, byKey = false;

const isOpen = () => !pane.hidden;
const rowOf = (name) => queue.querySelector(`[data-list] > [data-reference="${CSS.escape(name)}"]`);

function layOut(on) {
  pane.hidden = !on;
  queue.classList.toggle("with-pane", on);
  document.body.classList.toggle("has-pane", on);
  button.setAttribute("aria-pressed", on);
}

function mark(name) {
  for (const row of queue.querySelectorAll("[data-list] > [aria-current]")) row.removeAttribute("aria-current");
  if (name) rowOf(name)?.setAttribute("aria-current", "true");
}

/** The card's own keys and looks: not before they are needed, since the list shall be there first. */
let ready;
function prepare() {
  ready ??= load();
  ready.catch(() => { ready = null; });  // the network was away: the next look tries again
  return ready;
}

async function load() {
  const styles = document.querySelector("[data-pane-styles]").content.cloneNode(true);
  const drawn = [...styles.children].map((link) => new Promise((done) => { link.onload = link.onerror = done; }));
  document.head.append(styles);
  await Promise.all([import("./card.js"), ...drawn]);
}

/** What could not be loaded does not leave the case before it under the row of this one. */
function fail() {
  const line = document.createElement("p");
  line.className = "empty";
  line.textContent = pane.dataset.failed;
  body.replaceChildren(line);
}

async function show(name) {
  if (!pane.dataset.url || name === shown) return;
  if (!isOpen()) layOut(true);
  shown = name;
  mark(name);
  open.href = rowOf(name).querySelector(".row-link").href;
  const slow = setTimeout(() => { wait.hidden = false; body.hidden = true; }, 300);
  try {
    await prepare();
    await htmx.ajax("GET", pane.dataset.url.replace("REFERENCE", name), { target: body, swap: "innerHTML" });
    if (shown === name && body.querySelector("[data-case]")?.dataset.request !== name) fail();
    else if (shown === name) body.scrollTop = 0;
  } catch {
    if (shown === name) fail();
  } finally {
    clearTimeout(slow);
    wait.hidden = true;
    body.hidden = false;
  }
}

function soon(name) {
  clearTimeout(timer);
  timer = setTimeout(() => show(name), 90);  // a key held down passes rows by
}

function close() {
  if (!isOpen()) return false;
  const name = shown;
  clearTimeout(timer);
  shown = "";
  layOut(false);
  mark("");
  body.replaceChildren();
  if (name) rowOf(name)?.querySelector(".row-link").focus({ preventScroll: true });
  return true;
}

const keep = (on) => { try { localStorage.setItem(KEPT, on ? "1" : ""); } catch { /* a private window keeps nothing */ } };
const kept = () => { try { return localStorage.getItem(KEPT) === "1"; } catch { return false; } };

function first() {
  const row = document.activeElement?.closest("[data-list] > [data-reference]") ?? queue.querySelector("[data-list] > [data-reference]");
  if (row) show(row.dataset.reference);
}

function fit() {
  button.hidden = !wide.matches || !pane.dataset.url;
  if (!wide.matches) close();
}

button.addEventListener("click", () => {
  if (close()) keep(false);
  else { keep(true); first(); }
});
pane.querySelector("[data-pane-close]").addEventListener("click", () => { close(); keep(false); });
// Keys lead the preview; the pointer does once it is open, and a second click on the same row opens its page.
document.addEventListener("keydown", (event) => {
  byKey = event.key === "j" || event.key === "k";
  if (event.key !== "Escape" || document.querySelector("dialog[open], :popover-open")) return;
  if (event.target.closest("input, textarea, select") && pane.contains(event.target)) {
    rowOf(shown)?.querySelector(".row-link").focus({ preventScroll: true });  // first out of the field, then out of the pane
  } else if (!close()) document.dispatchEvent(new Event("atlas:escape"));
}, true);
queue.addEventListener("focusin", (event) => {
  const row = event.target.matches(".row-link") && event.target.closest("[data-reference]");
  if (row && wide.matches && byKey) soon(row.dataset.reference);
  byKey = false;
});
queue.addEventListener("click", (event) => {
  const link = event.target.closest(".row-link");
  if (!link || !isOpen() || event.detail !== 1 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const name = link.closest("[data-reference]").dataset.reference;
  if (name === shown) return;
  event.preventDefault();
  show(name);
});
document.addEventListener("atlas:swapped", () => { if (shown) mark(shown); });
wide.addEventListener("change", fit);
addEventListener("load", () => { if (wide.matches && kept()) first(); });
// In the sheet of keys from the start; the card's own take their place once a preview is open.
const words = document.querySelector("[data-card-keys]").dataset;
if (wide.matches) {
  for (const [key, text] of [["a", words.approve], ["r", words.reject], ["e", words.edit], ["q", words.ask], ["c", words.claim]]) onKey(key, () => {}, text);
}
onKey("p", () => button.click(), pane.dataset.keyOpen);
// For the sheet only: the browser follows the link, and Escape is heard above.
onKey("↵", () => {}, pane.dataset.keyEnter);
onKey("Esc", () => {}, pane.dataset.keyClose);
fit();
