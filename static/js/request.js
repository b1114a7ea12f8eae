// The page of one request, opened from a list: j and k go on to the next and previous case of that list, u goes back.
import { onKey } from "./keys.js";

const LIST = "atlas-list";
const box = document.querySelector("[data-case]");
const list = (() => { try { return JSON.parse(sessionStorage.getItem(LIST)) ?? {}; } catch { return {}; } })();
const names = Array.isArray(list.references) ? list.references : [];
const at = names.indexOf(box?.dataset.request);
const text = document.querySelector("[data-card-keys]")?.dataset ?? {};

function go(step) {
  const next = names[at + step];
  if (at >= 0 && next) location.assign(location.pathname.replace(box.dataset.request, next));
}

function back() {
  const link = box.querySelector("[data-back]") ?? document.querySelector("[data-home]");
  location.assign(at >= 0 && typeof list.url === "string" && list.url.startsWith("/") ? list.url : link.href);
}

onKey("j", () => go(1), at >= 0 ? text.keyNext : "");
onKey("k", () => go(-1), at >= 0 ? text.keyPrevious : "");
onKey("u", back, text.keyBack);
