// The seconds in which an approval can be taken back, counted down where they are shown: on the card, and as a toast.
import { onKey } from "./keys.js";

let running = 0;

const boxes = () => [...document.querySelectorAll("[data-undo][data-release]:not([data-late])")];

function begin(box) {
  if (box.dataset.end) return;
  // By the gateway's clock: the browser's own may be wrong.
  const left = new Date(box.dataset.release) - Number(box.dataset.now) * 1000;
  box.dataset.end = performance.now() + Math.min(left, Number(box.dataset.seconds) * 1000);
}

function draw(box) {
  const left = (Number(box.dataset.end) - performance.now()) / 1000;
  const words = box.querySelector("[data-undo-words]");
  const text = left > 0 ? words.dataset.undoWords.replace("{seconds}", Math.ceil(left)) : words.dataset.undoLate;
  if (words.textContent !== text) words.textContent = text;
  box.querySelector("progress").value = Math.max(0, left);
  if (left > 0) return;
  box.dataset.late = "1";
  box.querySelector("[data-undo-button]").disabled = true;
  if (box.matches("[data-toast-undo]")) setTimeout(() => box.remove(), 2500);
  document.dispatchEvent(new Event("atlas:released"));
}

function frame() {
  boxes().forEach(draw);
  running = boxes().length ? requestAnimationFrame(frame) : 0;
}

/** Looks for countdowns that have come, and runs them. */
export function follow() {
  boxes().forEach(begin);
  if (!running && boxes().length) running = requestAnimationFrame(frame);
}

onKey("z", () => document.querySelector("[data-undo-button]:not(:disabled)")?.click(), document.querySelector("[data-card-keys]")?.dataset.keyUndo);
document.addEventListener("atlas:swapped", follow);
follow();
