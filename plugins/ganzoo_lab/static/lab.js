// The page: a connection to the player, and one state and one stage for each run.
import { brokenConnection, connect } from "/static/connection.js";
import { setUpBrush } from "/static/brush.js";
import { chart, curvesOf } from "/static/charts.js";
import { controls, describe, hints } from "/static/controls.js";
import { format, h } from "/static/dom.js";
import { Explorer } from "/static/explorer.js";
import { Stage } from "/static/stage.js";

const $ = (id) => document.getElementById(id);
const lanes = new Map();
const KINDS = { points: "Points in the plane: the best start", image: "Images", tokens: "Text", series: "Time series", table: "Tables", audio: "Sounds", video: "Videos", voxels: "Shapes" };
const CHARTS_EVERY = 400, NOTE = 6000;
let noteEnds = 0, zoo = null, wished = null, chartsDue = 0, shownVariant = null;
const rates = [];

const send = connect({
  message: receive,
  lost: () => {
    document.documentElement.dataset.lost = "true";
    const run = [...lanes.values()].find((lane) => lane.state)?.state;
    $("problem").replaceChildren(brokenConnection(run?.path));
    $("problem").hidden = false;
    $("status").textContent = "";
  },
});
const explorer = new Explorer(send);

function receive(message) {
  if (message.error) return complain(message.error);
  if (message.note) return note(message.note);
  if (message.zoo) return setUp(message.zoo);
  if (message.lanes) return arrange(message.lanes);
  if ("frame" in message) return move(message);
  if ("explored" in message) return explorer.show(message);
  if ("lane" in message) return update(message);
}

function laneOf(number) {
  if (!lanes.has(number)) {
    lanes.set(number, { stage: new Stage(number, send), options: {}, history: [], scores: [] });
    arrange([...lanes.keys()].sort());
  }
  return lanes.get(number);
}

function arrange(numbers) {
  for (const number of [...lanes.keys()]) if (!numbers.includes(number)) lanes.delete(number);
  document.querySelector("main").classList.toggle("two", numbers.length > 1);
  $("stages").replaceChildren(...numbers.filter((number) => lanes.has(number)).map((number) => lanes.get(number).stage.element));
  render();
}

function update(state) {
  const lane = laneOf(state.lane);
  Object.assign(lane, { state, step: state.step, history: state.history, scores: state.scores });
  lane.stage.setState(state);
  if (state.lane === 0 && state.variant !== shownVariant) select(state);
  document.documentElement.dataset.hints = [...lanes.values()].flatMap((lane) => (lane.state?.hints ?? []).map((hint) => hint.name)).join(" ");
  render();
  say();
}

/** Let the form show what is played, so that Start means another run of it. */
function select(state) {
  shownVariant = state.variant;
  if (![...$("variant").options].some((option) => option.value === state.variant)) return;
  $("variant").value = state.variant;
  $("variant").dispatchEvent(new Event("change"));
}

function move(frame) {
  const lane = laneOf(frame.frame);
  lane.stage.setFrame(frame);
  lane.step = frame.step;
  if (frame.log) lane.history.push(frame.log);
  document.documentElement.dataset.frames = String(Number(document.documentElement.dataset.frames ?? 0) + 1);
  if (frame.frame === 0) {
    // Another run has begun.
    if (frame.step < (rates.at(-1)?.[1] ?? 0)) rates.length = 0;
    rates.push([performance.now(), frame.step]);
    explorer.learnt();
  }
  while (rates.length > 2 && rates.at(-1)[0] - rates[0][0] > 2000) rates.shift();
  const now = performance.now();
  if (now > chartsDue) {
    chartsDue = now + CHARTS_EVERY;
    curves();
    say();
  }
}

function say() {
  const parts = [...lanes.values()].filter((lane) => lane.state).map(({ state, step }) => {
    const doing = state.kind === "run" ? (state.finished ? "finished" : state.doing === "running" ? "being trained" : "stopped") : state.playing ? "playing" : state.finished ? "finished" : "paused";
    const name = state.difference && lanes.size > 1 ? `${state.difference}: ` : "";
    return `${name}step ${state.kind === "run" ? state.step : step} of ${state.steps} (${doing})`;
  });
  const [first, last] = [rates[0], rates.at(-1)];
  const seconds = last && first ? (last[0] - first[0]) / 1000 : 0;
  const playing = [...lanes.values()].some((lane) => lane.state?.playing);
  if (playing && seconds > 0.5) parts.push(`${format(Math.round((last[1] - first[1]) / seconds))} steps/s, ${format(Math.round((rates.length - 1) / seconds))} frames/s`);
  const wrong = [...new Set([...lanes.values()].flatMap((lane) => (lane.state?.hints ?? []).map((hint) => hint.name)))];
  $("status").replaceChildren(parts.join(" · "), ...wrong.map((name) => h("a", { href: "#diagnosis", className: "wrong" }, `⚠ ${name}`)));
}

/** A short answer, for a few seconds. */
function note(text) {
  $("note").textContent = text;
  clearTimeout(noteEnds);
  noteEnds = setTimeout(() => { $("note").textContent = ""; }, NOTE);
}

function asker(number) {
  return (message) => {
    if (message.values) wished = { lane: number, values: message.values };
    $("problem").hidden = true;
    if (message.do === "again" || message.do === "beside") {
      note("Starting over …");
      scrollTo({ top: 0 });
    }
    send({ lane: number, ...message, ...(message.do === "beside" ? { lane: undefined } : {}) });
  };
}

function render() {
  const focused = document.activeElement?.getAttribute("aria-label");
  const shown = [...lanes.entries()].filter(([, lane]) => lane.state).sort(([a], [b]) => a - b);
  $("controls").replaceChildren(...shown.flatMap(([number, lane]) => controls(lane.state, zoo ?? { losses: [], penalties: [] }, asker(number), lane.options)),
    ...(lanes.size > 1 ? [h("button", { type: "button", onclick: () => send({ do: "alone" }) }, "Close the second run")] : []));
  const first = shown[0]?.[1].state;
  const explorable = first && first.view !== "plane" && first.explorable;
  $("watch").replaceChildren(
    h("section", { className: "card", id: "diagnosis" }, h("h2", {}, "Diagnosis"), shown.flatMap(([number, lane]) => [
      lanes.size > 1 ? h("h3", {}, lane.state.difference) : null, ...hints(lane.state, asker(number))])),
    h("section", { className: "card", id: "curves" }),
    ...(explorable ? [explorer.element] : []),
    ...shown.filter(([, lane]) => lane.state.commands).map(([, lane]) => repeat(lane.state)));
  if (explorable) explorer.setState(first);
  curves();
  if (focused) [...document.querySelectorAll("[aria-label]")].find((element) => element.getAttribute("aria-label") === focused)?.focus();
}

function curves() {
  const card = $("curves");
  if (!card) return;
  const figures = [];
  const all = [...lanes.values()].map((lane) => ({
    name: lane.state?.difference ?? "", terms: lane.history, scores: lane.scores.map((record) => ({ step: record.step, ...record.scores })) }));
  const add = (title, kind, wanted) => {
    const found = all.length > 1
      ? Object.fromEntries(all.map((lane) => [lane.name, curvesOf(lane[kind], wanted)[title] ?? []]))
      : curvesOf(all[0]?.[kind] ?? [], wanted);
    if (Object.values(found).some((points) => points.length)) figures.push(chart(title, found));
  };
  const named = (kind) => new Set(all.flatMap((lane) => lane[kind].flatMap(Object.keys)).filter((name) => name !== "step"));
  if (all.length > 1) {
    for (const name of named("terms")) if (name.includes("/")) add(name, "terms", (other) => other === name);
  } else {
    add("Losses", "terms", (name) => name.endsWith("/loss"));
    add("Other terms", "terms", (name) => name.includes("/") && !name.endsWith("/loss"));
  }
  for (const name of named("scores")) add(name, "scores", (other) => other === name);
  for (const { state } of lanes.values()) {
    if (state?.final?.length) figures.push(h("table", {}, h("caption", {}, "Scores"), h("tbody", {}, state.final.map((score) =>
      h("tr", {}, h("td", {}, score.name), h("td", {}, format(score.value)), h("td", { className: "c-soft" }, score.real === undefined || score.real === null ? "" : `real ${format(score.real)}`))))));
  }
  card.replaceChildren(h("h2", {}, "Curves"), ...(figures.length ? figures : [h("p", { className: "note" }, "They begin with the first logged step.")]));
}

function repeat(state) {
  const text = state.commands.join("\n");
  return h("section", { className: "card" }, h("h2", {}, "Repeat this"), h("pre", { tabIndex: 0 }, text),
    h("button", { type: "button", onclick: () => navigator.clipboard?.writeText(text) }, "Copy"));
}

function complain(text) {
  const box = $("problem");
  $("note").textContent = "";
  box.replaceChildren(text);
  if (wished && Object.keys(wished.values).length && /cannot change in a run/.test(text)) {
    const { lane, values } = wished;
    box.append(" ", h("button", { type: "button", onclick: () => { box.hidden = true; send({ do: "again", lane, values }); } }, `Start over with ${describe(values)}`));
  }
  wished = null;
  box.hidden = false;
  render();
}

function setUp(found) {
  zoo = found;
  const variants = $("variant"), datasets = $("dataset");
  const recipes = zoo.variants.flatMap((variant) => Object.entries(variant.recipes).map(([recipe, data]) => {
    const set = zoo.datasets.find((other) => other.name === data);
    const needs = set?.here ? "" : set?.argument === "path" ? " (your files)" : " (may download)";
    return { name: `${variant.name}.${recipe}`, kind: set?.modality ?? "other", here: Boolean(set?.here), text: `${variant.name}.${recipe}${needs}`, title: variant.summary };
  }));
  const option = (one) => h("option", { value: one.name, title: one.title }, one.text);
  const group = (label, members) => (members.length ? [h("optgroup", { label }, members.map(option))] : []);
  variants.replaceChildren(
    ...[...new Set(recipes.map((one) => one.kind))].flatMap((kind) => group(KINDS[kind] ?? kind, recipes.filter((one) => one.here && one.kind === kind))),
    ...group("With other data", recipes.filter((one) => !one.here)));
  const choose = () => {
    const [name] = variants.value.split(".");
    const recipe = variants.value.slice(name.length + 1);
    const variant = zoo.variants.find((other) => other.name === name);
    const own = variant.recipes[recipe];
    const modality = zoo.datasets.find((data) => data.name === own)?.modality;
    const fitting = zoo.datasets.filter((data) => data.modality === modality && data.argument !== "path");
    datasets.replaceChildren(h("option", { value: "" }, `the recipe's (${own})`), ...fitting.flatMap((data) =>
      (data.argument === "kind" ? data.kinds.map((kind) => `${data.name}:${kind}`) : [data.name]).map((value) => h("option", { value }, value))));
    $("brush-open").hidden = modality !== "points";
  };
  variants.addEventListener("change", choose);
  choose();
}

$("start").addEventListener("submit", (event) => {
  event.preventDefault();
  $("problem").hidden = true;
  note("Starting …");
  send({ do: "start", name: $("variant").value, dataset: $("dataset").value, play: true });
});

$("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark", true));
function setTheme(name, keep) {
  document.documentElement.dataset.theme = name;
  if (keep) localStorage.setItem("theme", name);
  for (const lane of lanes.values()) lane.stage.draw();
  curves();
}
setTheme(localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"), false);
setUpBrush(send, () => $("variant").value);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, button, dialog, canvas, img")) return;
  const state = lanes.get(0)?.state;
  if (state?.kind !== "session") return;
  const ask = asker(0);
  const both = (message) => { for (const [number, lane] of lanes) if (lane.state?.kind === "session") asker(number)(message); };
  const phase = state.phases.find((other) => other.name === event.key.toLowerCase());
  if (event.key === " ") both({ do: "play", on: !state.playing });
  else if (event.key === "s") both({ do: "step" });
  else if (phase) ask({ do: "phase", name: phase.name });
  else return;
  event.preventDefault();
});

// A button that was clicked would be pressed again by the space bar, which pauses.
document.addEventListener("click", (event) => { if (event.detail) event.target.closest?.("button")?.blur(); });
