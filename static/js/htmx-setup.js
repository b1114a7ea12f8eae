// htmx: its requests carry the CSRF token of the page, what it swapped ticks on, and a session that ended leads to the log-in.
const token = () => document.querySelector("[data-csrf]")?.dataset.csrf ?? "";

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token();
});
document.addEventListener("htmx:afterSettle", () => document.dispatchEvent(new Event("atlas:swapped")));
document.addEventListener("htmx:beforeSwap", (event) => {
  const answer = event.detail.xhr;
  if (answer.responseURL && new URL(answer.responseURL).pathname === "/login/") location.reload();
  // A refusal (wrong state, not allowed, not valid) is a page part like any other.
  if ([403, 409, 422].includes(answer.status)) { event.detail.shouldSwap = true; event.detail.isError = false; }
});
