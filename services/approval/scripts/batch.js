(() => {
  const boxes = [...document.querySelectorAll("input[name=case]:not(:disabled)")], all = document.getElementById("all");
  if (!all) return;
  const count = () => {
    const ticked = boxes.filter(box => box.checked).length;
    document.getElementById("number").textContent = ticked ? `${ticked} 件` : "";
    all.checked = boxes.length > 0 && ticked === boxes.length;
  };
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; count(); });
  for (const box of boxes) box.addEventListener("change", count);
  count();
})();
