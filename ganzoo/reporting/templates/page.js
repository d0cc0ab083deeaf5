"use strict";
// Sheets over the steps: a slider that shows one sheet of each run. Without this script they are a strip to scroll.
function enhance(root) {
  for (const sheets of root.querySelectorAll(".sheets")) slide(sheets);
}

function slide(sheets) {
  const controls = sheets.querySelector(".controls");
  if (!controls) return;
  const steps = sheets.dataset.steps.split(" ").map(Number);
  const slider = controls.querySelector("input");
  const shown = controls.querySelector("output");
  const button = controls.querySelector("button");
  let timer = 0;

  const show = () => {
    const step = steps[slider.value];
    shown.textContent = step.toLocaleString("en");
    slider.setAttribute("aria-valuetext", "step " + shown.textContent);
    for (const strip of sheets.querySelectorAll(".strip")) {
      const frames = [...strip.querySelectorAll("figure")];
      const before = frames.filter((frame) => Number(frame.dataset.step) <= step);
      const current = before.length ? before[before.length - 1] : frames[0];
      for (const frame of frames) frame.hidden = frame !== current;
    }
  };

  const stop = () => {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
    sheets.classList.remove("playing");
  };

  button.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) === steps.length - 1) slider.value = 0;
    show();
    button.textContent = "Stop";
    sheets.classList.add("playing");
    timer = setInterval(() => {
      if (Number(slider.value) >= steps.length - 1) return stop();
      slider.value = Number(slider.value) + 1;
      show();
    }, 400);
  });
  slider.addEventListener("input", () => {
    stop();
    show();
  });
  sheets.classList.add("one");
  for (const strip of sheets.querySelectorAll(".strip")) strip.removeAttribute("tabindex");
  controls.hidden = false;
  show();
}

enhance(document);
