(() => {
  const form = document.getElementById("step"), state = document.getElementById("draft-state"), url = document.currentScript.dataset.url;
  let timer = null, filed = false, again = false, asking = null;
  const plain = () => {
    const data = new FormData(form);
    for (const [name, value] of [...data.entries()]) if (value instanceof File) data.delete(name);
    return data;
  };
  async function keep() {
    if (filed) return;
    if (asking) { again = true; return; }
    asking = new AbortController();
    try {
      const answer = await fetch(url, {method: "POST", body: plain(), headers: {accept: "application/json"}, signal: asking.signal});
      if (answer.ok) state.textContent = `已暂存 ${new Date().toLocaleTimeString("zh-CN", {hour: "2-digit", minute: "2-digit"})} · draft kept`;
      else state.textContent = "未能暂存,请点“暂存” · not kept, press Save draft";
    } catch (broken) { if (!filed) state.textContent = "网络不通,稍后自动暂存 · offline, kept later"; timer = setTimeout(keep, 15000); }
    asking = null;
    if (again) { again = false; keep(); }
  }
  const soon = () => { clearTimeout(timer); timer = setTimeout(keep, 1500); };
  form.addEventListener("input", event => { if (event.target.type !== "file") soon(); });
  new MutationObserver(soon).observe(form, {childList: true, subtree: true});
  form.addEventListener("submit", () => { filed = true; clearTimeout(timer); asking?.abort(); });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden" && timer && !filed) { clearTimeout(timer); navigator.sendBeacon(url, plain()); }
  });
})();
