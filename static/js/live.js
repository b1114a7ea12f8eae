// One line to the gateway. It says which request changed ("atlas:changed") and when to catch up ("atlas:connected");
// pages fetch their own fragments. After a break it comes back by itself, later and later, at most every 15 s.
// How many wait, in the navigation and in the tab's title, is kept here for every page.
const root = document.documentElement;
const banner = document.querySelector("[data-offline]");
const words = document.querySelector("[data-words]").dataset;
const state = document.querySelector("[data-line-text]");
let wait = 500, silent, line, lost = 0, timer, asked = 0;

/** Shows "3" (or "99+", or "" for none) in the navigation and before the title. */
export function showWaiting(text) {
  for (const count of document.querySelectorAll("[data-count]")) {
    count.textContent = text;
    count.hidden = !text;
  }
  const title = document.title.replace(/^\(\d+\+?\) /, "");
  document.title = text ? `(${text}) ${title}` : title;
}

async function count() {
  asked = Date.now();
  try {
    const answer = await fetch(words.countUrl);
    if (answer.ok && !answer.redirected) showWaiting((await answer.json()).waiting);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;  // the network is away; the line will say so
  }
}

/** Soon, and at most every two seconds however much changes. */
function countSoon() {
  clearTimeout(timer);
  timer = setTimeout(count, Math.max(300, asked + 2000 - Date.now()));
}

function turn(to) {
  root.dataset.live = to;
  if (state) state.textContent = to === "on" ? state.dataset.on : state.dataset.off;
}

function warn() {
  const since = banner.querySelector("[data-since]");
  const time = new Intl.DateTimeFormat(root.lang, { hour: "2-digit", minute: "2-digit" }).format(lost);
  since.textContent = since.dataset.since.replace("{time}", time);
  banner.hidden = false;
  turn("off");
}

function connect() {
  const socket = line = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/queue`);
  socket.addEventListener("open", () => {
    clearTimeout(silent);
    banner.hidden = true;
    wait = 500;
    turn("on");
    if (lost) countSoon();
    lost = 0;
    document.dispatchEvent(new Event("atlas:connected"));
  });
  socket.addEventListener("message", (event) => {
    document.dispatchEvent(new CustomEvent("atlas:changed", { detail: JSON.parse(event.data) }));
  });
  socket.addEventListener("close", () => {
    delete root.dataset.live;
    lost ||= Date.now();
    clearTimeout(silent);
    silent = setTimeout(warn, banner.hidden ? 700 : 0);  // a quick reconnect needs no banner
    setTimeout(connect, wait + Math.random() * 300);
    wait = Math.min(wait * 2, 15000);
  });
}

document.addEventListener("atlas:changed", countSoon);
// Leaving the page closes the line, which is not a break; the browser itself knows of some breaks before the line does.
addEventListener("pagehide", () => clearTimeout(silent));
addEventListener("offline", () => line?.close());
connect();
