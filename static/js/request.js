// The live request page: state, outcome, history and decision bar follow the row; typed text is never thrown away.
const page = document.querySelector("[data-request]");
const status = (root) => root.querySelector('[data-live="state"]').dataset.status;

async function refresh() {
  const answer = await fetch(page.dataset.fragment);
  if (answer.redirected) location.reload();
  if (!answer.ok) return;
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  if (status(holder.content) === status(page)) return;
  const typed = page.querySelector("[data-decide] textarea")?.value.trim();
  for (const fresh of holder.content.querySelectorAll("[data-live]")) {
    page.querySelector(`[data-live="${fresh.dataset.live}"]`).replaceWith(document.importNode(fresh, true));
  }
  const box = page.querySelector("[data-decide] textarea");
  if (typed && box) box.value = typed;
  if (typed && !box) keep(typed);
  const words = page.querySelector('[data-live="state"]').textContent.trim().replace(/\s+/g, " ");
  document.querySelector("[data-announce]").textContent = `This request is now: ${words}`;
  document.dispatchEvent(new Event("atlas:swapped"));
}

function keep(text) {
  const note = document.createElement("p");
  note.className = "soft small";
  note.textContent = `What you had typed, not sent: “${text}”`;
  page.querySelector('[data-live="outcome"] .panel')?.append(note);
}

document.addEventListener("atlas:changed", (event) => {
  if (event.detail.reference === page.dataset.request) refresh().catch(() => {});
});
document.addEventListener("atlas:connected", () => refresh().catch(() => {}));

// One press decides once.
page.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-decide]")) return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
});
addEventListener("pageshow", () => { delete page.querySelector("[data-decide]")?.dataset.sent; });
