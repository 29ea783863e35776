// The open page. Everything here is beside the page's own working: without it, the list is reloaded by hand.
const {position, ...chosen} = JSON.parse(document.currentScript.dataset.page);
const byId = (id) => document.getElementById(id);
const list = byId("alerts"), cards = () => [...list.querySelectorAll(".alert-card")];
const say = (text) => { byId("announce").textContent = text; };

// 列表 The list, in the order of the page.
const RANKS = ["red", "yellow", "prompt"];
const compare = (one, other) => one < other ? -1 : one > other ? 1 : 0;
const orders = {
  graver: (a, b) => RANKS.indexOf(a.dataset.grade) - RANKS.indexOf(b.dataset.grade) || compare(b.dataset.raised, a.dataset.raised) || compare(b.id, a.id),
  due: (a, b) => compare(a.dataset.due, b.dataset.due) || compare(a.id, b.id),
  newest: (a, b) => compare(b.dataset.raised, a.dataset.raised) || compare(b.id, a.id),
};
const order = orders[chosen.sort];
const first = cards()[0]?.cloneNode(), last = cards().at(-1)?.cloneNode();
const place = (card) => {
  // What belongs on another page is not put on this one.
  if (chosen.after && (!first || order(card, first) < 0)) { byId("newer").hidden = false; return; }
  if (chosen.more && last && order(card, last) > 0) return;
  byId("none")?.remove();
  list.insertBefore(card, cards().find((other) => order(card, other) < 0) ?? null);
  card.classList.add("arrived");
};
const fragment = async (path) => {
  const answer = await fetch(path, {headers: {accept: "text/html"}});
  if (answer.status !== 200 || answer.redirected) return null;
  const holder = document.createElement("template");
  holder.innerHTML = (await answer.text()).trim();
  return holder.content.firstElementChild;
};
// Answers may come in another order than they were asked for: what was asked for last holds.
const asked = new Map();
let asks = 0;
const ask = (of) => { asked.set(of, ++asks); return asks; };
const holds = (of, turn) => asked.get(of) === turn;
let counting;
const recount = () => {
  clearTimeout(counting);
  counting = setTimeout(async () => {
    const turn = ask("counts"), counted = await fragment("/counts?" + chosen.query);
    if (holds("counts", turn)) for (const part of [...counted?.children ?? []]) byId(part.id).replaceWith(part);
  }, 150);
};
const put = (card) => {
  const current = byId(card.id), stays = current?.dataset.grade === card.dataset.grade;
  const focused = current !== null && current === document.activeElement;
  if (stays) current.replaceWith(card);
  else { current?.remove(); place(card); }
  if (focused) card.focus();
  return stays;
};

// 提醒 Title, icon and sound: for red alerts that ring, and for nothing else.
const plainTitle = document.title, icon = document.querySelector("link[rel=icon]"), plainIcon = icon.href;
let unseen = 0;
const badge = () => {
  document.title = unseen ? `(${unseen}) ${plainTitle}` : plainTitle;
  icon.href = unseen ? "data:image/svg+xml," + encodeURIComponent(
    `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><circle cx='16' cy='16' r='16' fill='#c4281c'/><text x='16' y='23' font-size='20' font-family='sans-serif' font-weight='700' text-anchor='middle' fill='white'>${Math.min(unseen, 9)}</text></svg>`) : plainIcon;
};
const looked = () => { if (unseen) { unseen = 0; badge(); } };
for (const kind of ["pointerdown", "keydown", "focus"]) addEventListener(kind, looked);
document.addEventListener("visibilitychange", () => { if (!document.hidden) looked(); });
const sound = byId("sound"), kept = "yunjing.sound";
let audio, on = localStorage.getItem(kept) === "on";
const showSound = () => {
  sound.setAttribute("aria-pressed", on);
  sound.innerHTML = on ? '声音:开 <span class="en">Sound on</span>' : '声音:关 <span class="en">Sound off</span>';
};
const beep = async () => {
  audio ??= new AudioContext();
  await audio.resume();
  for (const [at, pitch] of [[0, 880], [.18, 1175]]) {
    const tone = audio.createOscillator(), volume = audio.createGain(), from = audio.currentTime + at;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(.0001, from);
    volume.gain.exponentialRampToValueAtTime(.25, from + .02);
    volume.gain.exponentialRampToValueAtTime(.0001, from + .16);
    tone.connect(volume).connect(audio.destination);
    tone.start(from); tone.stop(from + .17);
  }
  sound.dataset.rang = Number(sound.dataset.rang ?? 0) + 1;
};
sound.onclick = () => { on = !on; localStorage.setItem(kept, on ? "on" : "off"); showSound(); if (on) beep(); };
sound.hidden = byId("help-open").hidden = false;
showSound();
const ring = (event) => {
  if (event.grade.code !== "red" || event.loudness !== "ring") return;
  unseen += 1; badge();
  if (on) beep();
};

// 实时 What the stream tells.
const live = byId("live"), text = byId("live-text");
const source = new EventSource("/v1/stream?after=" + position);
source.onopen = () => { live.className = "small muted live on"; text.textContent = "实时接收中 Live"; };
source.onerror = () => {
  live.className = "small muted live off";
  if (source.readyState === EventSource.CLOSED) text.innerHTML = '已断开,请<a href="">刷新 Disconnected, reload</a>';
  else text.textContent = "重新连接中 Reconnecting…";
};
const loud = {raised: ["新", "New"], aggravated: ["等级上升,", "Turned graver"], escalated: ["逾期升级,", "Escalated"], reopened: ["重新办理,", "Reopened"], handed_over: ["移交承办,", "Handed over"]};
const maybe = (event) => (!chosen.grade || chosen.grade === event.grade.code) && (!chosen.matter || chosen.matter === event.matter.code);
source.addEventListener("reload", () => location.reload());
source.addEventListener("alert", async (message) => {
  recount();
  const event = JSON.parse(message.data), id = "alert-" + event.alert_id, turn = ask(id);
  if (event.kind in loud) ring(event);
  // What left one desk of somebody may lie at another of his: it goes at once, and comes back if he may still read it.
  if (event.kind === "removed") byId(id)?.remove();
  else if (!maybe(event)) { byId(id)?.remove(); return; }
  // What is on the page stays there as it is now; what is new to it comes if the filter shows it.
  const there = byId(id) !== null;
  const card = await fragment(`/alerts/${event.alert_id}/card` + (there ? "" : `?chosen=true&${chosen.query}`));
  if (!card) return;
  const stays = holds(id, turn) ? put(card) : there;
  if (!(event.kind in loud) || (stays && event.kind === "raised")) return;
  const [zh, en] = loud[event.kind];
  say(`${zh}${event.grade.zh}:${event.title.zh},${event.village.name}。${en}: ${event.grade.en}, ${event.title.en}`);
});

// 快捷键 Keys, unless somebody is typing.
const current = () => document.activeElement?.closest?.(".alert-card");
const step = (by) => {
  const all = cards(), at = all.indexOf(current());
  const next = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))];
  next?.focus(); next?.scrollIntoView({block: "nearest"});
};
const refuse = (words) => { byId("refused").textContent = words; byId("refused").hidden = !words; };
const acknowledge = async (card) => {
  refuse("");
  if (card.dataset.state !== "pushed") { say("这条不待签收 Nothing to acknowledge here"); return; }
  const answer = await fetch(`/v1/alerts/${card.dataset.alert}/acknowledge`, {method: "POST"});
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    refuse(problem.detail ?? problem.title ?? "没有成功,请刷新后再试 It did not work: reload and try again"); return;
  }
  const turn = ask(card.id), done = await fragment(`/alerts/${card.dataset.alert}/card`);
  if (done && holds(card.id, turn)) { put(done); done.focus(); }
  recount(); say("已签收 Acknowledged");
};
const help = byId("help");
byId("help-open").onclick = () => help.showModal();
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open || event.target.closest?.("input, select, textarea, [contenteditable]")) return;
  const card = current();
  const does = {j: () => step(1), k: () => step(-1), "/": () => { location.hash = "filters"; byId("text").focus(); byId("text").select(); }, "?": () => help.showModal(),
    a: () => card && acknowledge(card), Enter: () => card && event.target === card && card.querySelector("h2 a").click()}[event.key];
  if (!does) return;
  if (event.key !== "Enter" || event.target === card) event.preventDefault();
  does();
});
