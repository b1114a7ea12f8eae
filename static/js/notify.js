// Sound and notifications for a new waiting request, for who asked for them, in this browser only, while the page is hidden.
const words = document.querySelector("[data-words]").dataset;
const seen = new Set();
const wants = (what) => localStorage.getItem(`atlas:${what}`) === "on";
let audio;

document.addEventListener("atlas:changed", (event) => {
  const { reference, status, moved } = event.detail;
  if (!moved) return;  // a claim or a question is nothing new
  if (status !== "in_review") { seen.delete(reference); return; }
  if (seen.has(reference)) return;
  seen.add(reference);
  if (!document.hidden) return;
  if (wants("notify")) notify(reference);
  if (wants("sound")) blip();
});

// No name and no argument: a notification is read by whoever stands at the screen.
function notify(reference) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const shown = new Notification(words.waits, { body: reference, tag: reference, icon: document.querySelector('link[rel="apple-touch-icon"]')?.href });
  shown.addEventListener("click", () => {
    focus();
    location.assign(words.notify.replace("REFERENCE", reference));
  });
}

// Browsers let a page sound only after somebody has pressed something in it.
function unlock() {
  if (wants("sound")) (audio ??= new AudioContext()).resume();
}
addEventListener("pointerdown", unlock);
addEventListener("keydown", unlock);

function blip() {
  if (audio?.state !== "running") return;
  const tone = audio.createOscillator(), volume = audio.createGain(), now = audio.currentTime;
  tone.frequency.setValueAtTime(660, now);
  tone.frequency.setValueAtTime(880, now + 0.09);
  volume.gain.setValueAtTime(0.0001, now);
  volume.gain.exponentialRampToValueAtTime(0.12, now + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, now + 0.26);
  tone.connect(volume).connect(audio.destination);
  tone.start(now);
  tone.stop(now + 0.28);
}

// The switches of the preferences page.
for (const box of document.querySelectorAll("[data-local]")) {
  const note = document.querySelector(`#${box.id}-note`);
  box.disabled = false;
  box.checked = wants(box.dataset.local) && (box.dataset.local !== "notify" || permission() === "granted");
  explain(box, note);
  box.addEventListener("change", async () => {
    if (box.checked && box.dataset.local === "notify" && permission() !== "granted") {
      if ("Notification" in window) await Notification.requestPermission();
      box.checked = permission() === "granted";
    }
    localStorage.setItem(`atlas:${box.dataset.local}`, box.checked ? "on" : "off");
    if (box.checked && box.dataset.local === "sound") { unlock(); audio?.resume().then(blip); }
    explain(box, note);
  });
}

function permission() {
  return "Notification" in window ? Notification.permission : "unsupported";
}

function explain(box, note) {
  if (box.dataset.local !== "notify" || !note) return;
  note.textContent = { denied: note.dataset.denied, unsupported: note.dataset.unsupported }[permission()] ?? "";
  note.hidden = !note.textContent;
}
