// Shows what the push service brings, and opens the alert when it is touched. Asks nobody outside for anything.
self.addEventListener("push", (event) => {
  const told = event.data.json();
  event.waitUntil(self.registration.showNotification(told.title, {
    body: told.body, tag: told.id, data: {link: told.link}, lang: "zh-CN", requireInteraction: true,
  }));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const link = new URL(event.notification.data.link, self.location.origin);
  event.waitUntil(self.clients.openWindow(link.pathname + link.search));
});
