"use strict";
// Follows a run: asks for the page again, and replaces the parts of it that have changed.
const EVERY = 3000;
let tag = "";

function kept(part) {
  const slider = part.querySelector(".controls input");
  return {
    open: [...part.querySelectorAll("details")].map((details) => details.open),
    step: slider && Number(slider.value) < Number(slider.max) ? stepOf(slider) : null,
    focused: slider !== null && slider === document.activeElement,
  };
}

function stepOf(slider) {
  return Number(slider.closest(".sheets").dataset.steps.split(" ")[slider.value]);
}

function restore(part, before) {
  part.querySelectorAll("details").forEach((details, number) => {
    details.open = before.open[number] || false;
  });
  const slider = part.querySelector(".controls input");
  if (slider && before.step !== null) {
    const steps = slider.closest(".sheets").dataset.steps.split(" ").map(Number);
    slider.value = Math.max(steps.filter((step) => step <= before.step).length - 1, 0);
    slider.dispatchEvent(new Event("input"));
  }
  if (slider && before.focused) slider.focus();
}

const served = new Map();

function parts(page) {
  return [...page.querySelectorAll("header[id], main > section[id]")];
}

async function update() {
  const status = document.getElementById("live");
  try {
    const answer = await fetch("/", { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer.status === 200) {
      tag = answer.headers.get("ETag") || "";
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of parts(fresh)) {
        const content = part.outerHTML;
        const old = document.getElementById(part.id);
        // A player that runs is not interrupted.
        if (!old || served.get(part.id) === content || old.querySelector(".sheets.playing")) continue;
        const before = kept(old);
        const added = document.adoptNode(part);
        old.replaceWith(added);
        enhance(added);
        restore(added, before);
        served.set(part.id, content);
      }
    }
    status.textContent = answer.ok || answer.status === 304 ? "Follows the run." : "The run cannot be read now.";
  } catch {
    status.textContent = "The connection has ended: ganzoo watch is not running any more.";
  }
  setTimeout(update, EVERY);
}

setTimeout(update, EVERY);
