// One line to the gateway. It says which request changed ("atlas:changed") and when to catch up ("atlas:connected");
// pages fetch their own fragments. After a break it comes back by itself, later and later, at most every 15 s.
const banner = document.querySelector("[data-offline]");
let wait = 500, everOpen = false, silent;

function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/queue`);
  socket.addEventListener("open", () => {
    clearTimeout(silent);
    banner.hidden = true;
    wait = 500;
    document.dispatchEvent(new CustomEvent("atlas:connected", { detail: { again: everOpen } }));
    everOpen = true;
  });
  socket.addEventListener("message", (event) => {
    document.dispatchEvent(new CustomEvent("atlas:changed", { detail: JSON.parse(event.data) }));
  });
  socket.addEventListener("close", () => {
    clearTimeout(silent);
    silent = setTimeout(() => { banner.hidden = false; }, 700);  // a quick reconnect needs no banner
    setTimeout(connect, wait + Math.random() * 300);
    wait = Math.min(wait * 2, 15000);
  });
}

// Leaving the page closes the line, which is not a break.
addEventListener("pagehide", () => clearTimeout(silent));
connect();
