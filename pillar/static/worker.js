/* Keeps the portal's static files at hand. Their addresses name their content, so what is kept is never stale;
   pages, and everything a person may see, always come from the server. */
const FILES = "pillar-files";
const isFile = (url) => url.origin === location.origin && url.pathname.startsWith("/static/");
const nameOf = (url) => new URL(url).pathname.split("/").slice(3).join("/");

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && isFile(new URL(event.request.url))) event.respondWith(kept(event.request));
});

async function kept(request) {
  const files = await caches.open(FILES);
  const found = await files.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) {
    for (const old of await files.keys()) if (nameOf(old.url) === nameOf(request.url)) await files.delete(old);
    await files.put(request, answer.clone());
  }
  return answer;
}
