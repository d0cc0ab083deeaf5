// Drawing a distribution of points.
import { colour } from "/static/dom.js";

const REACH = 2, RADIUS = 9;

export function setUpBrush(send, variant) {
  const dialog = document.getElementById("brush"), canvas = document.getElementById("brush-canvas");
  const context = canvas.getContext("2d");
  const hint = document.getElementById("brush-hint");
  let points = [], drawing = false, cursor = [canvas.width / 2, canvas.height / 2];

  function paint(x, y) {
    points.push([(x / canvas.width * 2 - 1) * REACH, (1 - y / canvas.height * 2) * REACH]);
    context.fillStyle = colour("--real");
    context.beginPath();
    context.arc(x, y, RADIUS, 0, 2 * Math.PI);
    context.fill();
  }
  function at(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * canvas.width, (event.clientY - box.top) / box.height * canvas.height];
  }
  function clear() { hint.textContent = ""; points = []; context.clearRect(0, 0, canvas.width, canvas.height); }

  canvas.addEventListener("pointerdown", (event) => { drawing = true; canvas.setPointerCapture(event.pointerId); paint(...at(event)); });
  canvas.addEventListener("pointermove", (event) => { if (drawing) paint(...at(event)); });
  canvas.addEventListener("pointerup", () => { drawing = false; });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-12, 0], ArrowRight: [12, 0], ArrowUp: [0, -12], ArrowDown: [0, 12] }[event.key];
    if (step) cursor = [cursor[0] + step[0], cursor[1] + step[1]];
    if (event.key === "Enter") paint(...cursor);
    if (step || event.key === "Enter") event.preventDefault();
  });
  document.getElementById("brush-open").addEventListener("click", () => { clear(); dialog.showModal(); });
  document.getElementById("brush-clear").addEventListener("click", clear);
  document.getElementById("brush-cancel").addEventListener("click", () => dialog.close());
  document.getElementById("brush-play").addEventListener("click", () => {
    if (!points.length) { hint.textContent = "Paint something first."; return; }
    send({ do: "drawn", points: points.slice(-20000), name: variant() });
    dialog.close();
  });
}
