// The live queue. Nothing moves by itself: new requests are offered at the edge, what was decided elsewhere is marked
// in its place. Only an empty list fills at once, since there is nothing under the pointer.
const queue = document.querySelector("[data-queue]");
const bar = queue.querySelector("[data-fresh]");
const title = document.title;
const rowsIn = (root) => [...root.querySelectorAll("[data-list] > [data-reference]")];
const names = (rows) => new Set(rows.map((row) => row.dataset.reference));
let newest = null, timer, busy = false, again = false;

async function read(url) {
  const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" } });
  if (answer.redirected) location.reload();  // logged out meanwhile
  if (!answer.ok) return null;
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  return holder.content;
}

function swap(content) {
  const kept = document.activeElement?.closest("[data-reference]")?.dataset.reference;
  queue.querySelector("[data-rows]").replaceWith(content.querySelector("[data-rows]"));
  if (kept) queue.querySelector(`[data-reference="${CSS.escape(kept)}"] .row-link`)?.focus({ preventScroll: true });
  offer(0);
  document.dispatchEvent(new Event("atlas:swapped"));
}

function offer(count) {
  const text = `${count} new`;
  bar.hidden = !count;
  document.title = count ? `(${count}) ${title}` : title;
  if (count && bar.querySelector("[data-fresh-text]").textContent !== text) {
    document.querySelector("[data-announce]").textContent = `${count} new request${count > 1 ? "s" : ""} waiting`;
  }
  bar.querySelector("[data-fresh-text]").textContent = count ? text : "";
}

async function markGone(row) {
  const content = await read(queue.dataset.row.replace("REFERENCE", row.dataset.reference));
  const now = content?.querySelector("[data-reference]");
  if (!now || !now.classList.contains("row-gone")) return;
  const focused = row.contains(document.activeElement);
  row.replaceWith(now);
  if (focused) now.querySelector(".row-link").focus({ preventScroll: true });
  document.dispatchEvent(new Event("atlas:swapped"));
}

async function look() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const content = await read(queue.dataset.fragment);
    if (!content) return;
    const count = document.querySelector("[data-count]");
    count.textContent = content.querySelector("[data-rows]").dataset.waiting;
    count.hidden = !count.textContent;
    const here = rowsIn(queue), shown = names(here), waiting = names(rowsIn(content));
    if (!here.length) { swap(content); return; }
    newest = content;
    offer([...waiting].filter((name) => !shown.has(name)).length);
    for (const row of here) {
      if (!waiting.has(row.dataset.reference) && !row.classList.contains("row-gone")) await markGone(row);
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

bar.addEventListener("click", () => { if (newest) swap(newest); newest = null; });
document.addEventListener("atlas:changed", soon);
document.addEventListener("atlas:connected", soon);
