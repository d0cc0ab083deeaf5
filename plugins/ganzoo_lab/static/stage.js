// The moving picture of a run: points in the plane with what D thinks of it, or the picture of its kind of data.
import { colour, h, surface } from "/static/dom.js";

const GRAIN = 10000, LEVELS = 255;
const LAYERS = {
  logits: ["D: generated … real", "where D takes samples for real ones, and where for generated ones"],
  real: ["real", "real samples"],
  fake: ["generated", "generated samples"],
  pushes: ["pushes", "where G's gradient moves its samples"],
  grid: ["latent grid", "a square grid of latents as G bends it"],
};

export class Stage {
  constructor(lane, send) {
    this.lane = lane;
    this.layers = { logits: true, real: true, fake: true, pushes: true, grid: false };
    this.canvas = h("canvas", { role: "img" });
    this.image = h("img", { className: "sheet", alt: "" });
    this.text = h("pre", { hidden: true, tabIndex: 0, "aria-label": "generated text" });
    this.legend = h("div", { className: "legend" });
    this.words = h("p", { className: "note", hidden: true }, "Blue points are the data. The generator G turns random numbers into the red points, and learns to make them look like data. The discriminator D learns to tell them apart: its opinion is the colour behind them.");
    this.title = h("h2");
    this.place = h("p", { className: "note" });
    this.timeline = h("div");
    this.bare = h("p", { className: "note", hidden: true }, "This kind of data has no picture and no text: its modality can define `picture` or `lines`.");
    this.element = h("article", { className: "lane card" }, this.title, this.bare, this.canvas, this.image, this.text, this.legend, this.words, this.timeline, this.place);
    this.send = send;
    this.real = null;
    this.plane = null;
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  setState(state) {
    this.state = state;
    this.title.replaceChildren(state.title, ...(state.difference ? [h("span", { className: "difference" }, ` ${state.difference}`)] : []));
    this.place.textContent = state.problem ? `${state.path} · ${state.problem}` : state.path;
    const plane = state.view === "plane";
    this.canvas.hidden = !plane;
    this.words.hidden = !plane;
    this.image.classList.toggle("smooth", state.modality !== "image");
    this.image.hidden = plane;
    this.canvas.style.display = plane ? "" : "none";
    this.image.style.display = plane ? "none" : "";
    this.legend.replaceChildren(...this.toggles(state));
    this.timeline.replaceChildren(...this.sheets(state));
  }

  toggles(state) {
    const boxes = [];
    if (state.view === "plane") {
      for (const [name, [label, title]] of Object.entries(LAYERS)) {
        if (!["real", "fake"].includes(name) && !state.abilities.includes(name)) continue;
        const box = h("input", { type: "checkbox", checked: this.layers[name], onchange: () => { this.layers[name] = box.checked; this.draw(); } });
        const swatch = { real: "c-real", fake: "c-fake" }[name];
        boxes.push(h("label", { title }, box, name === "logits" ? h("span", { className: "map-key", "aria-hidden": "true" }) : null, swatch ? h("span", { className: `swatch ${swatch}` }) : null, label));
      }
    }
    if (state.has_average) {
      const box = h("input", { type: "checkbox", checked: state.averaged, onchange: () => this.send({ do: "view", lane: this.lane, averaged: box.checked }) });
      boxes.push(h("label", { title: "samples of the averaged generator, not of the one that plays" }, box, "averaged G"));
    }
    return boxes;
  }

  sheets(state) {
    if (!state.sheets?.length) return [];
    const steps = state.sheets;
    const output = h("output", {}, `step ${steps.at(-1)}`);
    const slider = h("input", { type: "range", min: 0, max: steps.length - 1, value: steps.length - 1, "aria-label": "sheet of samples over time",
      oninput: () => { output.textContent = `step ${steps[slider.value]}`; this.send({ do: "sheet", lane: this.lane, step: steps[slider.value] }); } });
    return [h("div", { className: "field" }, h("span", {}, "Timeline"), slider, output)];
  }

  setFrame(frame) {
    if (frame.plane) {
      this.real = frame.plane.real ?? this.real;
      this.plane = frame.plane;
      this.draw();
    }
    if (frame.image) this.image.src = frame.image;
    if (this.state?.view === "picture") this.image.style.display = this.image.src ? "" : "none";
    this.bare.hidden = Boolean(frame.plane || this.image.src || frame.lines);
    if (frame.lines) this.text.textContent = frame.lines.join("\n");
    this.text.hidden = !this.text.textContent;
    const what = `samples of ${this.state?.title ?? "the run"} at step ${frame.step}`;
    this.image.alt = what;
    this.canvas.setAttribute("aria-label", what);
  }

  draw() {
    if (!this.plane || this.canvas.hidden) return;
    const { context, width, height } = surface(this.canvas);
    const x = (value) => value / GRAIN * width, y = (value) => height - value / GRAIN * height;
    if (this.layers.logits && this.plane.logits) this.drawMap(context, width, height);
    if (this.layers.grid && this.plane.grid) this.drawGrid(context, x, y);
    if (this.layers.real && this.real) dots(context, this.real, x, y, colour("--real"), 1.6);
    if (this.layers.pushes && this.plane.pushes) this.drawPushes(context, x, y, width);
    if (this.layers.fake) dots(context, this.plane.fake, x, y, colour("--fake"), 2.1);
  }

  /** A pixel for each cell, enlarged smoothly. */
  drawMap(context, width, height) {
    const cells = this.plane.cells, logits = this.plane.logits, rows = logits.length / cells;
    const real = colour("--map-real").split(" ").map(Number), fake = colour("--map-fake").split(" ").map(Number);
    const pixels = new ImageData(cells, rows);
    logits.forEach((level, number) => {
      const value = level / LEVELS - 0.5, column = number % cells, row = rows - 1 - Math.floor(number / cells);
      pixels.data.set([...(value > 0 ? real : fake), Math.abs(value) * 1.7 * 255], 4 * (row * cells + column));
    });
    this.map ??= document.createElement("canvas");
    this.map.width = cells;
    this.map.height = rows;
    this.map.getContext("2d").putImageData(pixels, 0, 0);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.map, 0, 0, width, height);
  }

  drawGrid(context, x, y) {
    const lines = this.plane.lines, grid = this.plane.grid;
    context.strokeStyle = colour("--soft");
    context.lineWidth = 0.9;
    context.beginPath();
    for (let a = 0; a < lines; a++) {
      for (const at of [(b) => a * lines + b, (b) => b * lines + a]) {
        for (let b = 0; b < lines; b++) {
          const place = at(b) * 2;
          if (b) context.lineTo(x(grid[place]), y(grid[place + 1])); else context.moveTo(x(grid[place]), y(grid[place + 1]));
        }
      }
    }
    context.stroke();
  }

  drawPushes(context, x, y, width) {
    const fake = this.plane.fake, pushes = this.plane.pushes, length = width / 14;
    context.strokeStyle = colour("--text");
    context.lineWidth = 1;
    context.beginPath();
    for (let i = 0; i < pushes.length; i += 2) {
      const fromX = x(fake[i]), fromY = y(fake[i + 1]);
      const toX = fromX + pushes[i] / GRAIN * length, toY = fromY - pushes[i + 1] / GRAIN * length;
      context.moveTo(fromX, fromY);
      context.lineTo(toX, toY);
      const angle = Math.atan2(toY - fromY, toX - fromX), size = Math.min(4, Math.hypot(toX - fromX, toY - fromY) / 2);
      context.lineTo(toX - size * Math.cos(angle - 0.5), toY - size * Math.sin(angle - 0.5));
      context.moveTo(toX, toY);
      context.lineTo(toX - size * Math.cos(angle + 0.5), toY - size * Math.sin(angle + 0.5));
    }
    context.stroke();
  }
}

function dots(context, places, x, y, fill, radius) {
  context.fillStyle = fill;
  context.globalAlpha = 0.75;
  context.beginPath();
  for (let i = 0; i < places.length; i += 2) {
    const left = x(places[i]), top = y(places[i + 1]);
    context.moveTo(left + radius, top);
    context.arc(left, top, radius, 0, 2 * Math.PI);
  }
  context.fill();
  context.globalAlpha = 1;
}
