const pushKey = document.currentScript.dataset.key;
const form = document.getElementById("push-form"), note = document.getElementById("push-note"), add = document.getElementById("push-add");
const say = (text) => { note.textContent = text; note.hidden = !text; };
const key = () => Uint8Array.from(atob(pushKey.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
if (form && "serviceWorker" in navigator && "PushManager" in window) {
  add.disabled = false;
  say("");
  form.addEventListener("submit", async (event) => {
    if (document.getElementById("push-address").value) return;
    event.preventDefault();
    add.disabled = true;
    try {
      if (await Notification.requestPermission() !== "granted") throw new Error("浏览器未允许通知 notifications are not allowed");
      const worker = await navigator.serviceWorker.register("/push-worker.js");
      await navigator.serviceWorker.ready;
      const made = await worker.pushManager.subscribe({userVisibleOnly: true, applicationServerKey: key()});
      document.getElementById("push-address").value = JSON.stringify(made);
      form.submit();
    } catch (error) {
      say("未能订阅:" + error.message + " Could not subscribe");
      add.disabled = false;
    }
  });
} else if (form) {
  say("本浏览器不支持推送,或本站未用 https This browser can't, or the site is not on https");
}
