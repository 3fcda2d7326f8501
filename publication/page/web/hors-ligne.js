// Le réseau d'abord, pour que la page soit à jour ; sans lui, ce que la dernière visite a gardé.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (evenement) => evenement.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (evenement) => {
  const demande = evenement.request;
  if (demande.method === "GET" && new URL(demande.url).origin === location.origin) {
    evenement.respondWith(repondre(demande));
  }
});

async function repondre(demande) {
  const cache = await caches.open(self.registration.scope);
  try {
    const reponse = await fetch(demande);
    if (reponse.ok) await cache.put(demande, reponse.clone());
    return reponse;
  } catch (erreur) {
    const gardee = await cache.match(demande, { ignoreSearch: true });
    if (gardee) return gardee;
    throw erreur;
  }
}
