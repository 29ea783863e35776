// j and k go through the cards, Enter opens as on any link, x ticks, / goes to the search.
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  const cards = [...document.querySelectorAll("#tasks article")];
  const at = cards.findIndex(card => card.contains(document.activeElement));
  const to = {j: Math.min(at + 1, cards.length - 1), k: Math.max(at - 1, 0)}[event.key];
  if (to !== undefined && cards[to]) { event.preventDefault(); cards[to].querySelector("h2 a").focus(); cards[to].scrollIntoView({block: "nearest"}); }
  if (event.key === "x" && at >= 0) cards[at].querySelector("input[type=checkbox]")?.click();
  const search = document.getElementById("q");
  if (event.key === "/" && search) { event.preventDefault(); search.closest("details").open = true; search.focus(); }
});
