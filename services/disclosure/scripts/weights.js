const boxes = [...document.querySelectorAll(".weights input")], sum = document.getElementById("sum");
const tell = () => { const all = boxes.reduce((total, box) => total + Number(box.value || NaN), 0); sum.textContent = "合计 Sum " + (Number.isFinite(all) ? Math.round(all * 100) / 100 : "?") + " / 100"; };
boxes.forEach(box => box.addEventListener("input", tell)); tell();
