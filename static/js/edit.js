// Editing inside the card: the form comes into its slot, the cursor with it; leaving it clears the slot, nothing else.
import { say } from "./announce.js";

document.addEventListener("htmx:afterSwap", (event) => {
  const slot = event.detail.target.closest?.("[data-edit-slot]");
  if (!slot) return;
  for (const opened of document.querySelectorAll("[data-case] .act[open]")) opened.open = false;
  const wrong = slot.querySelector('[aria-invalid="true"]');
  const heading = slot.querySelector("h2");
  (wrong ?? slot.querySelector("[data-edit-form] :is(input:not([type=hidden]), textarea, select)") ?? heading)?.focus({ preventScroll: true });
  slot.scrollIntoView({ block: "nearest" });
  const problem = slot.querySelector(".error, [role=alert]");
  say((problem ?? heading)?.textContent.trim());
});

// A refusal to edit answers with the card's parts instead of a form: it is told where every refusal is.
document.addEventListener("htmx:beforeSwap", (event) => {
  const slot = event.detail.target.closest?.("[data-edit-slot]");
  if (!slot || !event.detail.serverResponse.includes("data-case-now")) return;
  event.detail.shouldSwap = false;
  document.dispatchEvent(new CustomEvent("atlas:parts", { detail: event.detail.serverResponse }));
});

document.addEventListener("click", (event) => {
  const leave = event.target.closest("[data-edit-slot] [data-edit-cancel]");
  if (!leave) return;
  event.preventDefault();
  leave.closest("[data-edit-slot]").replaceChildren();
  document.querySelector("[data-edit]")?.focus({ preventScroll: true });
});
