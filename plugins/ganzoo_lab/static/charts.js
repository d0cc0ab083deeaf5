// Line charts over the steps, with the legend beside them.
import { colour, format, h, surface } from "/static/dom.js";

const MEANINGS = {
  "d/loss": "what the discriminator minimises", "g/loss": "what the generator minimises",
  "d/real": "the discriminator's logits of real samples, on average: above 0 means real", "d/fake": "its logits of generated samples",
  modes: "clusters of the data that have generated samples", quality: "fraction of generated samples that are near a cluster",
  mmd: "maximum mean discrepancy, a distance between generated and real samples", w2: "Wasserstein distance between generated and real samples",
};
const COLOURS = ["--real", "--fake", "--warn", "--main", "--soft"];

/** Curves by name, `[[step, value], ...]`, as a figure. */
export function chart(title, curves) {
  const names = Object.keys(curves);
  const canvas = h("canvas", { className: "chart", role: "img", "aria-label": describe(title, curves) });
  const legend = names.map((name, number) => {
    const last = curves[name].at(-1);
    const swatch = h("span", { className: "swatch" });
    swatch.style.background = colour(COLOURS[number % COLOURS.length]);
    return h("span", { title: MEANINGS[name.toLowerCase()] }, swatch, ` ${name} ${last ? format(last[1]) : ""}`);
  });
  const figure = h("figure", {}, h("figcaption", {}, h("strong", { title: MEANINGS[title.toLowerCase()] }, title), legend), canvas);
  requestAnimationFrame(() => draw(canvas, Object.values(curves)));
  return figure;
}

function describe(title, curves) {
  const parts = Object.entries(curves).map(([name, points]) =>
    points.length ? `${name} from ${format(points[0][1])} to ${format(points.at(-1)[1])}` : name);
  return `${title} over the steps: ${parts.join("; ")}`;
}

function draw(canvas, curves) {
  const { context, width, height } = surface(canvas);
  const points = curves.flat().filter((point) => Number.isFinite(point[1]));
  if (!points.length) return;
  const steps = points.map((point) => point[0]), values = points.map((point) => point[1]).sort((a, b) => a - b);
  // The first few values of a game can be far from all others.
  let low = values[Math.floor(values.length * 0.005)], high = values[Math.ceil(values.length * 0.995) - 1];
  const constant = high - low < 1e-9;
  if (constant) { low -= low >= 0 ? Math.min(low, 0.5) : 0.5; high += 0.5; }
  const first = Math.min(...steps), last = Math.max(...steps, first + 1);
  context.font = "11px system-ui, sans-serif";
  const ticks = (constant ? [values[0]] : [low, (low + high) / 2, high]).map((value) => [value, format(Number(value.toPrecision(3)))]);
  const left = 10 + Math.max(...ticks.map(([, text]) => context.measureText(text).width));
  const bottom = height - 18, top = 8, right = width - 6;
  const x = (step) => left + (right - left) * (step - first) / (last - first);
  const y = (value) => bottom - (bottom - top) * (Math.min(Math.max(value, low), high) - low) / (high - low);
  context.fillStyle = colour("--soft");
  context.strokeStyle = colour("--line");
  context.lineWidth = 1;
  context.textAlign = "right";
  for (const [value, text] of ticks) {
    context.beginPath();
    context.moveTo(left, y(value));
    context.lineTo(right, y(value));
    context.stroke();
    context.fillText(text, left - 5, y(value) + 4);
  }
  context.textAlign = "left";
  context.fillText(`step ${first}`, left, height - 4);
  context.textAlign = "right";
  context.fillText(String(last), right, height - 4);
  context.lineWidth = 1.6;
  curves.forEach((curve, number) => {
    context.strokeStyle = colour(COLOURS[number % COLOURS.length]);
    context.beginPath();
    let drawing = false;
    for (const [step, value] of curve) {
      if (!Number.isFinite(value)) { drawing = false; continue; }
      if (drawing) context.lineTo(x(step), y(value)); else context.moveTo(x(step), y(value));
      drawing = true;
    }
    context.stroke();
    if (curve.length === 1 && Number.isFinite(curve[0][1])) {
      context.fillStyle = context.strokeStyle;
      context.fillRect(x(curve[0][0]) - 2, y(curve[0][1]) - 2, 4, 4);
    }
  });
}

/** The curves of logged records, of the terms that `wanted` accepts. */
export function curvesOf(records, wanted) {
  const curves = {};
  for (const record of records) {
    for (const [name, value] of Object.entries(record)) {
      if (wanted(name)) (curves[name] ??= []).push([record.step, value]);
    }
  }
  return curves;
}
