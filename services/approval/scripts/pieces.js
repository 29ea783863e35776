(() => {
  const form = document.currentScript.closest("form");
  const send = form.querySelector("button.primary[type=submit]");
  const TUS = { "Tus-Resumable": "1.0.0" }, PIECE = 256 * 1024, WAITS = [0.5, 1, 2, 4, 8, 15];
  const under = new Set();
  const pause = seconds => new Promise(done => {
    const timer = setTimeout(done, seconds * 1000);
    window.addEventListener("online", () => { clearTimeout(timer); done(); }, { once: true });
  });

  class Refused extends Error {}

  async function ask(path, options, missing = false) {
    for (let tries = 0; ; tries++) {
      let answer;
      try { answer = await fetch(path, options); } catch (broken) {
        if (options.signal.aborted) throw broken;
      }
      const elsewhere = answer && options.method === "PATCH" && answer.status === 409;
      if (answer && (answer.ok || elsewhere || (missing && answer.status === 404))) return answer;
      if (answer && answer.status < 500 && answer.status !== 429) {
        const told = await answer.json().catch(() => ({}));
        throw new Refused([told.detail, told.detail_en].filter(Boolean).join(" · ") || answer.status);
      }
      if (options.method === "PATCH") return null;
      await pause(WAITS[Math.min(tries, WAITS.length - 1)]);
    }
  }

  async function begin(file, signal) {
    const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name.slice(-100))));
    const headers = { ...TUS, "Upload-Length": file.size, "Upload-Metadata": `filename ${name}` };
    return (await ask("/v1/uploads", { method: "POST", headers, signal })).headers.get("Location");
  }

  async function upload(file, signal, progress) {
    const key = `yunjing-upload:${file.name}:${file.size}:${file.lastModified}`;
    let place = localStorage.getItem(key), offset = null;
    for (let tries = 0; offset === null || offset < file.size; ) {
      if (offset === null) {
        const there = place && await ask(place, { method: "HEAD", headers: TUS, signal }, true);
        if (there && there.ok) offset = +there.headers.get("Upload-Offset");
        else { localStorage.setItem(key, place = await begin(file, signal)); offset = 0; }
        progress(offset, tries);
        continue;
      }
      const headers = { ...TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": offset };
      const body = file.slice(offset, offset + PIECE);
      const answer = await ask(place, { method: "PATCH", headers, body, signal });
      if (answer && answer.ok) { offset = +answer.headers.get("Upload-Offset"); tries = 0; progress(offset, tries); continue; }
      progress(offset, ++tries);
      await pause(WAITS[Math.min(tries - 1, WAITS.length - 1)]);
      offset = null;
    }
    const became = await (await ask(place, { method: "GET", headers: {}, signal })).json();
    localStorage.removeItem(key);
    return became;
  }

  function line(input, file) {
    const row = document.createElement("p");
    row.className = "small piece";
    row.innerHTML = '<progress max="1" value="0"></progress> <span></span> <span class="muted" role="status"></span>';
    row.children[1].textContent = file.name;
    row.children[0].setAttribute("aria-label", file.name);
    input.after(row);
    return row;
  }

  function take(input, file, kind, signal) {
    const row = line(input, file), [bar, , said] = row.children;
    const progress = (offset, tries) => {
      bar.value = offset / file.size;
      said.textContent = tries ? "网络中断,自动续传 Interrupted, going on by itself" : `${Math.floor(100 * offset / file.size)} %`;
    };
    under.add(row);
    send.disabled = true;
    return upload(file, signal, progress).then(became => {
      const filed = document.createElement("input");
      filed.type = "hidden"; filed.name = `filed.${kind}`; filed.value = `${became.sha256}|${became.name}`;
      bar.remove();
      row.prepend("✓ ");
      said.textContent = "已上传 uploaded";
      row.append(filed);
      return true;
    }).catch(error => {
      if (signal.aborted) { row.remove(); return false; }
      bar.remove();
      row.className = "error";
      said.textContent = error instanceof Refused ? error.message : "没有传上,将随表单提交 It will go with the form";
      return false;
    }).finally(() => { under.delete(row); send.disabled = under.size > 0; });
  }

  for (const input of form.querySelectorAll('input[type=file][name^="documents."]')) {
    const kind = input.name.slice("documents.".length);
    let stop = new AbortController(), all = false;
    input.addEventListener("change", async () => {
      stop.abort();
      stop = new AbortController();
      all = false;
      for (let next = input.nextElementSibling; next && next.matches(".piece, p.error:has(> span[role=status])"); next = input.nextElementSibling) next.remove();
      const { signal } = stop;
      const done = await Promise.all([...input.files].map(file => take(input, file, kind, signal)));
      if (!signal.aborted) all = done.length > 0 && done.every(Boolean);
    });
    // What is there already doesn't travel a second time.
    form.addEventListener("formdata", event => { if (all) event.formData.delete(input.name); });
  }
})();
