// Ages, countdowns and moments, in the words of reviews/durations.py, ticking, in the viewer's own time zone.
const MINUTE = 60, HOUR = 3600, DAY = 86400;
const words = document.querySelector("[data-words]").dataset;
const lang = document.documentElement.lang;
const locale = navigator.languages.find((each) => each.split("-")[0] === lang) ?? lang;  // en-GB for who reads English
const two = (number) => String(number).padStart(2, "0");
const say = (text, n, m) => text.replace("{n}", n).replace("{m}", m);
const whole = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long" });
const parts = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const minute = new Intl.DateTimeFormat(locale, parts);
const moment = new Intl.DateTimeFormat(locale, { ...parts, second: "2-digit" });

function age(seconds) {
  if (seconds < MINUTE) return words.now;
  if (seconds < HOUR) return say(words.minutes, Math.floor(seconds / MINUTE));
  if (seconds < 2 * DAY) return say(words.hours, Math.floor(seconds / HOUR));
  return say(words.days, Math.floor(seconds / DAY));
}

function left(seconds) {
  if (seconds <= 0) return words.overdue;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}:${two(seconds % MINUTE)}`;
  if (seconds < 2 * DAY) return say(words.both, Math.floor(seconds / HOUR), two(Math.floor((seconds % HOUR) / MINUTE)));
  return say(words.days, Math.floor(seconds / DAY));
}

function write(element, now) {
  const at = new Date(element.dateTime);
  const kind = element.dataset.time;
  const span = Math.floor((at - now) / 1000);
  const text = kind === "age" ? age(-span) : kind === "left" ? left(span) : (kind === "minute" ? minute : moment).format(at);
  if (element.textContent !== text) element.textContent = text;
  if (kind === "left") element.classList.toggle("soon", span < HOUR);
  if (!element.dataset.whole) {
    element.title = whole.format(at);
    element.dataset.whole = "1";
  }
}

function tick() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[data-time]")) write(element, now);
}

tick();
setInterval(tick, 1000);
document.addEventListener("atlas:swapped", tick);
