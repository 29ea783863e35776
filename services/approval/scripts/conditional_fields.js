(() => {
  const parts = [...document.querySelectorAll("[data-when]")];
  const holds = (text, when) => {
    if (!text) return null;
    if (when.words.length) return when.words.some(word => text.includes(word));
    if (when.from === null && when.below === null) return text === "是";
    const plain = text.replace(/[,,\s元]/g, ""), yuan = parseFloat(plain) * (plain.endsWith("万") ? 10000 : 1);
    if (!/^[\d.]+万?$/.test(plain) || Number.isNaN(yuan)) return null;
    const fen = Math.round(yuan * 100);
    return (when.from === null || fen >= when.from) && (when.below === null || fen < when.below);
  };
  const look = () => parts.forEach(part => {
    const input = part.querySelector("input, select, textarea"), on = document.getElementsByName(part.dataset.field)[0];
    const said = holds(on ? on.value.trim() : "", JSON.parse(part.dataset.when));
    part.hidden = "hides" in part.dataset && said !== true && !input.value;
    part.querySelector("label").classList.toggle("required", said === true);
  });
  document.addEventListener("input", look);
  document.addEventListener("change", look);
  look();
})();
