// `.copy` buttons: <button class="copy" data-copy="#id" data-copied="Copied">…</button> copies that element's text or value.
import { say } from "./announce.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  if (!source) return;
  const done = await put(source.value ?? source.textContent, source);
  if (!done) return;
  button.classList.add("is-copied");
  say(button.dataset.copied || document.querySelector("[data-words]")?.dataset.copied);
  setTimeout(() => button.classList.remove("is-copied"), 1600);
});

// Outside https the clipboard is closed to pages; the text is then left selected, one key away.
async function put(text, source) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    return false;
  }
}
