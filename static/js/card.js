// The card, on its page or beside a list: it answers in place, follows its row, and throws nothing away that was typed.
import { say } from "./announce.js";
import { onKey } from "./keys.js";
import { follow } from "./undo.js";
import "./edit.js";

const TAKEN = [200, 403, 409, 422];
const theCase = () => document.querySelector("[data-case]");
const inCase = (selector) => theCase()?.querySelector(selector);
let timer;

// -- following the row ------------------------------------------------------------------------

/** Puts the parts that differ in the place of the old ones; what was typed, opened and focused there stays. */
function take(box, html, sent = null) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const now = holder.content.querySelector("[data-case-now]");
  if (!now) return;
  const before = box.dataset.status;
  box.dataset.status = now.dataset.status;
  box.dataset.version = now.dataset.version;
  for (const fresh of holder.content.querySelectorAll("[data-live]")) {
    const old = box.querySelector(`[data-live="${fresh.dataset.live}"]`);
    if (old && (old.dataset.version !== fresh.dataset.version || (sent && old.contains(sent)))) replace(old, fresh, sent);
  }
  document.dispatchEvent(new Event("atlas:swapped"));
  follow();
  if (before !== now.dataset.status) say(box.dataset.saysNow.replace("{status}", words(inCase("[data-status-words]"))));
}

const words = (element) => element.textContent.trim().replace(/\s+/g, " ");
const formOf = (field) => field.form?.getAttribute("action") ?? "";
const mark = (field) => `${formOf(field)} ${field.form?.querySelector("[name=verdict]")?.value ?? ""} ${field.name} ${field.type === "radio" ? field.value : ""}`;
const FIELDS = "textarea, select, input[type=text], input[type=radio]";
const panelOf = (details) => details.dataset.panel ?? (details.matches("[data-menu]") ? "menu" : "");

function replace(old, fresh, sent) {
  const typed = new Map(), texts = [];
  for (const field of old.querySelectorAll(FIELDS)) {
    if (field.form === sent) continue;
    if (field.type === "radio" ? field.checked : field.value !== field.defaultValue && field.value) typed.set(mark(field), field.value);
  }
  const opened = new Set([...old.querySelectorAll("details[open]")].filter((one) => !sent || !one.contains(sent)).map(panelOf));
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const focus = focused && { mark: focused.name ? mark(focused) : "", start: focused.selectionStart, end: focused.selectionEnd };
  old.replaceWith(fresh);
  htmx.process(fresh);
  for (const field of fresh.querySelectorAll(FIELDS)) {
    if (!typed.has(mark(field))) continue;
    if (field.type === "radio") field.checked = true;
    else field.value = typed.get(mark(field));
    typed.delete(mark(field));
  }
  for (const details of fresh.querySelectorAll("details")) if (opened.has(panelOf(details)) && panelOf(details)) details.open = true;
  for (const [name, text] of typed) if (!name.includes(" preset ") && !name.includes(" to ")) texts.push(text);
  if (texts.length) keep(texts);
  if (focus?.mark) refocus(fresh, focus);
}

function refocus(fresh, focus) {
  const field = [...fresh.querySelectorAll(FIELDS)].find((one) => mark(one) === focus.mark);
  if (!field) return;
  field.focus({ preventScroll: true });
  if (focus.start != null && field.setSelectionRange) field.setSelectionRange(focus.start, focus.end);
}

/** What cannot be sent any more stays readable, to be copied. */
function keep(texts) {
  const note = document.createElement("div"), text = document.createElement("p");
  note.className = "notice notice-info unsent-note";
  text.textContent = `${theCase().dataset.saysUnsent} “${texts.join(" ")}”`;
  note.append(text);
  inCase('[data-live="outcome"]').after(note);
}

async function look() {
  const box = theCase();
  if (!box) return;
  try {
    const known = box.dataset.version;
    const answer = await fetch(`${box.dataset.fragment}?version=${known}`, { headers: { "X-Requested-With": "fetch" } });
    const html = answer.status === 200 ? await answer.text() : "";
    if (answer.redirected) location.reload();  // logged out meanwhile
    else if (answer.status === 404) gone(box);
    else if (!html || !box.isConnected) return;
    // What an act is answered (who was faster) is neither lost with its form nor overwritten.
    else if (box.querySelector("form.htmx-request")) soon(300);
    else if (box.dataset.version === known) take(box, html);
    else soon();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;  // the network is away; the live line will say so and catch up
  }
}

function gone(box) {
  for (const button of box.querySelectorAll("form button")) button.disabled = true;
  tell(box, box.dataset.saysGone);
}

function tell(box, text) {
  box.querySelector(".case-problem")?.remove();
  const note = document.createElement("div"), line = document.createElement("p");
  note.className = "notice notice-error case-notice case-problem";
  note.setAttribute("role", "alert");
  line.textContent = text;
  note.append(line);
  box.querySelector('[data-live="decide"]').prepend(note);
}

const soon = (wait = 120) => { clearTimeout(timer); timer = setTimeout(look, wait); };

document.addEventListener("atlas:changed", (event) => { if (event.detail.reference === theCase()?.dataset.request) soon(); });
document.addEventListener("atlas:connected", () => soon());
document.addEventListener("atlas:parts", (event) => { if (theCase()) take(theCase(), event.detail); });
document.addEventListener("atlas:released", () => soon(600));
addEventListener("pageshow", (event) => { if (event.persisted) soon(0); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
// The deadline passes without a word from anybody.
setInterval(() => {
  const left = inCase('.case-left time');
  if (left && theCase().dataset.status === "in_review" && new Date(left.dateTime) <= Date.now()) soon(0);
}, 5000);

// -- sending ----------------------------------------------------------------------------------

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.requestConfig?.elt, box = form?.closest?.("[data-case]");
  if (!box || !form.matches("[data-act]")) return;
  const answer = event.detail.xhr;
  if (TAKEN.includes(answer.status) && answer.responseText.includes("data-case-now")) {
    box.querySelector(".case-problem")?.remove();
    take(box, answer.responseText, form);
    if (answer.status === 200 && form.matches("[data-edit-confirm]")) box.querySelector("[data-edit-slot]").replaceChildren();
    settle(box, answer.status);
  } else if (answer.status === 404) gone(box);
  else if (answer.status) tell(box, (answer.status === 403 && lead(answer)) || box.dataset.saysFailed);
});

/** What a whole page says that came instead of the card: the form is older than the log-in. */
const lead = (answer) => new DOMParser().parseFromString(answer.responseText, "text/html").querySelector(".lead")?.textContent;

/** Where the eyes go next: to what can be undone, or to what was refused. */
function settle(box, status) {
  const next = status === 200 ? box.querySelector("[data-undo-button]") : box.querySelector('[aria-invalid="true"]');
  next?.focus({ preventScroll: true });
  const said = box.querySelector('[data-live="decide"] :is(.case-notice, .undo p)');
  if (said) say(words(said));
}

// -- opening and writing ----------------------------------------------------------------------

function open(name) {
  const panel = inCase(`[data-panel="${name}"]`);
  if (!panel) return;
  panel.open = true;
  write(panel);
}

/** The cursor where the words go; on a phone that would open the keyboard over the card. */
function write(panel) {
  if (!matchMedia("(pointer: coarse)").matches) panel.querySelector("textarea")?.focus({ preventScroll: true });
}

document.addEventListener("toggle", (event) => {
  const panel = event.target;
  if (!panel.matches?.("[data-case] .act") || !panel.open) return;
  for (const other of theCase().querySelectorAll(".act[open]")) if (other !== panel) other.open = false;
  if (!panel.contains(document.activeElement) || document.activeElement.matches("summary")) write(panel);
}, true);

document.addEventListener("click", (event) => {
  const menu = inCase("[data-menu][open]");
  if (menu && !menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  const opened = inCase(".act[open], [data-menu][open]");
  if (opened) {
    event.preventDefault();
    event.stopPropagation();
    opened.open = false;
    opened.querySelector("summary").focus({ preventScroll: true });
  } else disarm();
});

/** What the agent will read, as it is written. */
document.addEventListener("input", (event) => {
  const form = event.target.closest?.("[data-reject]");
  if (!form) return;
  const line = form.querySelector("[data-will-read]");
  line.dataset.before ??= line.textContent;
  const preset = form.querySelector("[name=preset]:checked")?.nextElementSibling.textContent ?? "";
  const text = [preset, form.querySelector("[name=reason]").value.trim()].filter(Boolean).join(" ");
  line.textContent = text ? line.dataset.willRead.replace("{text}", text) : line.dataset.before;
});

// -- keys -------------------------------------------------------------------------------------

const armed = () => inCase("[data-approve].is-armed");

function disarm() { armed()?.classList.remove("is-armed"); }

/** One press only arms: the button has the focus and says so; a second press, or Enter, approves. */
function approve() {
  const button = inCase("[data-approve]");
  if (!button || button.disabled) return;
  if (armed() === button && document.activeElement === button) {
    disarm();
    button.click();
    return;
  }
  button.focus({ preventScroll: true });
  button.classList.add("is-armed");
  say(button.dataset.armed.replace("{what}", button.querySelector("span").textContent));
}

document.addEventListener("focusout", (event) => { if (event.target.matches?.("[data-approve]")) event.target.classList.remove("is-armed"); });

const press = (selector) => inCase(selector)?.click();
const help = (name) => document.querySelector("[data-card-keys]")?.dataset[`key${name[0].toUpperCase()}${name.slice(1)}`] ?? "";

onKey("a", approve, help("approve"));
onKey("r", () => open("reject"), help("reject"));
onKey("e", () => press("[data-edit]"), help("edit"));
onKey("q", () => open("ask"), help("ask"));
onKey("c", () => press("[data-claim] button"), help("claim"));
onKey("v", () => {
  const raw = inCase("[data-raw]");
  if (!raw) return;
  raw.open = !raw.open;
  if (raw.open) raw.scrollIntoView({ block: "nearest" });
}, help("raw"));

follow();
