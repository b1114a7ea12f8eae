// One line to the gateway. It says which request changed ("atlas:changed") and when to catch up ("atlas:connected");
// pages fetch their own fragments. After a break it comes back by itself, later and later, at most every 15 s.
const banner = document.querySelector("[data-offline]");
let wait = 500, silent, line;

function connect() {
  const socket = line = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/queue`);
  socket.addEventListener("open", () => {
    clearTimeout(silent);
    banner.hidden = true;
    wait = 500;
    document.documentElement.dataset.live = "on";
    document.dispatchEvent(new Event("atlas:connected"));
  });
  socket.addEventListener("message", (event) => {
    document.dispatchEvent(new CustomEvent("atlas:changed", { detail: JSON.parse(event.data) }));
  });
  socket.addEventListener("close", () => {
    delete document.documentElement.dataset.live;
    clearTimeout(silent);
    silent = setTimeout(() => { banner.hidden = false; }, 700);  // a quick reconnect needs no banner
    setTimeout(connect, wait + Math.random() * 300);
    wait = Math.min(wait * 2, 15000);
  });
}

// Leaving the page closes the line, which is not a break; the browser itself knows of some breaks before the line does.
addEventListener("pagehide", () => clearTimeout(silent));
addEventListener("offline", () => line?.close());
connect();
