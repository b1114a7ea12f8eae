// The live queue. Nothing moves by itself: new requests are offered at the edge; a claim, a question or a decision made
// elsewhere is marked in its row. Only an empty list fills at once, since there is nothing under the pointer.
import { say } from "./announce.js";
import { showWaiting } from "./live.js";

const queue = document.querySelector("[data-queue]");
const bar = queue.querySelector("[data-fresh]");
const rowsIn = (root) => [...root.querySelectorAll("[data-list] > [data-reference]")];
const names = (rows) => new Set(rows.map((row) => row.dataset.reference));
if (document.querySelector("[data-toast-undo]")) import("./undo.js");
let newest = null, timer, busy = false, again = false;

async function read(url) {
  const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" } });
  if (answer.redirected) location.reload();  // logged out meanwhile
  if (!answer.ok) return null;
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  return holder.content;
}

const swapped = () => document.dispatchEvent(new Event("atlas:swapped"));
const picked = (row) => row?.querySelector("[data-pick]")?.checked;

function swap(content) {
  const kept = document.activeElement?.closest("[data-reference]")?.dataset.reference;
  const chosen = names(rowsIn(queue).filter(picked));
  const fresh = content.querySelector("[data-rows]");
  queue.querySelector("[data-rows]").replaceWith(fresh);
  for (const row of rowsIn(queue)) {
    const box = row.querySelector("[data-pick]");
    if (box) box.checked = chosen.has(row.dataset.reference);
  }
  if (kept) queue.querySelector(`[data-reference="${CSS.escape(kept)}"] .row-link`)?.focus({ preventScroll: true });
  offer(0);
  swapped();
}

function offer(count) {
  const text = count === 1 ? queue.dataset.newOne : queue.dataset.newMany.replace("{count}", count);
  const shown = bar.querySelector("[data-fresh-text]");
  bar.hidden = !count;
  if (count && shown.textContent !== text) say(queue.dataset.say.replace("{count}", count));
  shown.textContent = count ? text : "";
}

function replace(row, now) {
  const focused = row.contains(document.activeElement), chosen = picked(row);
  const seen = row.hasAttribute("aria-current");
  row.replaceWith(now);
  const box = now.querySelector("[data-pick]");
  if (box) box.checked = chosen;
  if (seen) now.setAttribute("aria-current", "true");
  if (focused) now.querySelector(".row-link").focus({ preventScroll: true });
  swapped();
}

async function markGone(row) {
  const content = await read(queue.dataset.row.replace("REFERENCE", row.dataset.reference));
  const now = content?.querySelector("[data-reference]");
  if (now?.classList.contains("row-gone")) replace(row, now);
}

// Counts of filters and views; not while somebody has one open or the pointer on them.
function recount(content) {
  const here = queue.querySelector("[data-filters]");
  if (here.matches(":hover, :focus-within") || here.querySelector(":popover-open")) return;
  const now = content.querySelector("[data-filters]");
  if (now && now.innerHTML !== here.innerHTML) here.replaceWith(document.importNode(now, true));
}

async function look() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const content = await read(queue.dataset.fragment);
    if (!content) return;
    showWaiting(content.querySelector("[data-rows]").dataset.waiting);
    recount(content);
    const here = rowsIn(queue), shown = names(here), there = rowsIn(content), waiting = names(there);
    if (!here.length) { swap(content); return; }
    offer([...waiting].filter((name) => !shown.has(name)).length);
    const now = new Map(there.map((row) => [row.dataset.reference, row]));
    newest = content.cloneNode(true);
    for (const row of here) {
      const fresh = now.get(row.dataset.reference);
      if (fresh && fresh.dataset.stamp !== row.dataset.stamp) replace(row, document.importNode(fresh, true));
      if (!fresh && !row.classList.contains("row-gone")) await markGone(row);
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;  // the network is away; the live line will say so and catch up
  } finally {
    busy = false;
    if (again) { again = false; soon(); }
  }
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(look, 150);
}

// The page of a case goes on through this list.
addEventListener("pagehide", () => {
  const list = { url: location.pathname + location.search, references: [...names(rowsIn(queue))] };
  try { sessionStorage.setItem("atlas-list", JSON.stringify(list)); } catch { /* then it goes back to the whole queue */ }
});
bar.addEventListener("click", () => { if (newest) swap(newest); newest = null; });
document.addEventListener("atlas:changed", soon);
document.addEventListener("atlas:connected", soon);
