/* Takes the place of worker.js where a company no longer offers the app: forgets what was kept, then itself. */
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(caches.delete("pillar-files").then(() => registration.unregister())));
