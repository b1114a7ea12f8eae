{% load static %}// Keeps files that never change (their names carry a hash) and one page for when there is no network.
// Pages, fragments and answers are never kept: they belong to a person and to a moment.
const CACHE = "atlas-{% static 'css/console.css' %}-{% static 'css/pages/plain.css' %}";
const OFFLINE = "{% url 'offline' %}";
const FILES = ["{% static 'css/console.css' %}", "{% static 'css/pages/plain.css' %}", "{% static 'icons.svg' %}", "{% static 'vendor/inter/inter-latin-wght-normal.woff2' %}"];
const LASTS = /^\/static\/.+\.[0-9a-f]{12}\.\w+$/;

addEventListener("install", (event) => event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([OFFLINE, ...FILES])).then(() => skipWaiting())));

addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
  await clients.claim();
})()));

addEventListener("fetch", (event) => {
  const request = event.request, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  else if (LASTS.test(url.pathname)) event.respondWith(kept(request));
  else if (FILES.includes(url.pathname)) event.respondWith(fetch(request).catch(() => caches.match(request)));
});

async function kept(request) {
  const found = await caches.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) (await caches.open(CACHE)).put(request, answer.clone());
  return answer;
}
