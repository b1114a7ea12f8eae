// Keys of lists and pages. None of them decides anything.
const links = () => [...document.querySelectorAll("[data-list] .row-link")];

function move(step) {
  const all = links();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + step))].focus();
}

const actions = {
  j: () => move(1),
  k: () => move(-1),
  n: () => document.querySelector("[data-fresh]:not([hidden])")?.click(),
  u: () => location.assign(document.querySelector(".top-mark").href),
  "/": () => {
    const search = document.querySelector("[data-search]");
    if (search) search.focus();
    else location.assign("/history/");
  },
  "?": () => document.querySelector("[data-help]").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, dialog[open], [contenteditable]")) return;
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
