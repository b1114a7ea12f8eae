// What somebody sends while the gateway cannot be reached is held back and explained instead of lost in an error page.
// Nothing is sent later by itself: a decision is pressed by a person who sees the page as it is then.
import { say } from "./announce.js";

const words = document.querySelector("[data-words]").dataset;
const isUp = () => document.documentElement.dataset.live === "on";
const isSaved = (field) => field.name && field.value && !field.closest("[data-no-draft]");
const draft = (field) => `draft:${location.pathname}:${field.form.getAttribute("action") ?? ""}:${field.name}`;
const passed = new WeakSet();

async function isReached() {
  if (!navigator.onLine) return false;
  try {
    return (await fetch("/health/live", { cache: "no-store", signal: AbortSignal.timeout(4000) })).ok;
  } catch {
    return false;
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target, button = event.submitter;
  if (form.method !== "post" || (isUp() && navigator.onLine)) return;
  if (passed.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (await isReached()) {
    passed.add(form);
    form.requestSubmit(button);
  } else {
    hold(form);
  }
}, true);

document.addEventListener("htmx:sendError", (event) => {
  const form = event.detail.elt.closest("form");
  if (form) hold(form);
  else say(words.held);
});

function hold(form) {
  for (const field of form.querySelectorAll("textarea")) if (isSaved(field)) sessionStorage.setItem(draft(field), field.value);
  let note = form.querySelector(".held");
  if (!note) {
    note = document.createElement("p");
    note.className = "held";
    form.append(note);
  }
  note.classList.remove("is-back");
  note.textContent = words.held;
  say(words.held);
}

document.addEventListener("atlas:connected", () => {
  for (const note of document.querySelectorAll(".held:not(.is-back)")) {
    note.classList.add("is-back");
    note.textContent = words.again;
    say(words.again);
  }
});

// A page that was opened again meanwhile gets its text back, once.
for (const field of document.querySelectorAll("form textarea")) {
  const kept = sessionStorage.getItem(draft(field));
  if (kept && !field.value) field.value = kept;
  sessionStorage.removeItem(draft(field));
}
document.querySelector("[data-logout]")?.addEventListener("submit", () => sessionStorage.clear());
