// The frame: messages can be closed, menus close after a choice, and the worker that makes the console installable.
const QUIET = 12_000;  // ms that a good message stays; a warning stays until it is closed

for (const toast of document.querySelectorAll("[data-toasts] .toast")) settle(toast);

function settle(toast) {
  const close = toast.querySelector("[data-dismiss]");
  close.hidden = false;
  close.addEventListener("click", () => toast.remove());
  if (toast.matches(".toast-error, .toast-warning")) return;
  const later = () => {
    if (toast.matches(":hover, :focus-within")) setTimeout(later, 2000);
    else toast.remove();
  };
  setTimeout(later, QUIET);
}

// <details class="menu"> closes by Escape and by a press elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.activeElement?.closest("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

const worker = document.querySelector("[data-words]")?.dataset.worker;
if (worker && "serviceWorker" in navigator) navigator.serviceWorker.register(worker).catch(() => {});  // not over plain http
