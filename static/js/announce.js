// One polite voice for screen readers: what changes by itself is said here.
const region = document.querySelector("[data-announce]");

export function say(text) {
  if (region && text) region.textContent = text === region.textContent ? `${text}\u00a0` : text;
}
