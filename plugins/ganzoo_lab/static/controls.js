// Playing, and everything that can be changed while it is played.
import { format, h } from "/static/dom.js";

const SPEEDS = [["1 step/s", 1], ["10 steps/s", 10], ["100 steps/s", 100], ["as fast as it can", 0]];

/** The controls of one run. `ask` sends a message about it. */
export function controls(state, zoo, ask, options) {
  return [playing(state, ask), ...(state.kind === "session" ? [changing(state, zoo, ask, options), breaking(state, ask, options)] : [])];
}

function playing(state, ask) {
  const card = h("section", { className: "card" }, h("h2", {}, options_title("Play", state)));
  if (state.kind === "run") {
    card.append(
      h("p", { className: "note" }, state.finished ? "This run has finished." : "This run is shown as its folder grows."),
      h("div", { className: "row" }, h("button", { type: "button", className: "main", onclick: () => ask({ do: "play_on" }) }, "Play on from here")));
    return card;
  }
  const moves = state.phases.map((phase) => h("button", { type: "button", title: `one update of player ${phase.player} alone`,
    onclick: () => ask({ do: "phase", name: phase.name }) }, `${phase.name.toUpperCase()} moves`));
  const speed = h("select", { "aria-label": "speed", onchange: () => ask({ do: "speed", steps_per_second: Number(speed.value) }) },
    SPEEDS.map(([name, value]) => h("option", { value, selected: state.speed === value }, name)));
  const back = h("select", { "aria-label": "go back to a step", onchange: () => { if (back.value !== "") ask({ do: "back", step: Number(back.value) }); } },
    h("option", { value: "" }, "Back to …"), state.saved.map((step) => h("option", { value: step }, step ? `step ${step}` : "the start")));
  card.append(
    h("div", { className: "row" },
      h("button", { type: "button", className: "main", id: `play-${state.lane}`, title: "Space", onclick: () => ask({ do: "play", on: !state.playing }) },
        state.playing ? "❚❚ Pause" : state.finished ? "▶ Play on" : "▶ Play"),
      h("button", { type: "button", title: "S", onclick: () => ask({ do: "step" }) }, "Step"), moves),
    h("div", { className: "row" }, speed, back, h("button", { type: "button", onclick: () => ask({ do: "save" }) }, "Save")));
  return card;
}

function options_title(text, state) {
  return state.lane ? `${text} (second run)` : text;
}

function changing(state, zoo, ask, options) {
  const values = Object.fromEntries(state.keys.map((key) => [key.path, key.value]));
  const change = (key, value) => ask({ do: "change", values: { [key]: String(value) } });
  const card = h("section", { className: "card" }, h("h2", {}, "Change while it plays"));
  for (const key of state.keys.filter((key) => /^\w+\.lr$/.test(key.path))) card.append(rate(key, change));
  if ("loss" in values) card.append(choice("loss", values.loss, zoo.losses, change));
  const penalties = Object.keys(values).filter((path) => /^penalties\.[^.]+\.weight$/.test(path));
  if (penalties.length || "penalties" in values) {
    const now = penalties.length ? penalties[0].split(".")[1] : "none";
    card.append(choice("penalties", now, ["none", ...zoo.penalties], change, "penalty"));
    for (const path of penalties) card.append(number(path, values[path], change, "weight", "any"));
  }
  if ("n_critic" in values) card.append(number("n_critic", values.n_critic, change, "n_critic", 1));
  card.append(allKeys(state, change, options));
  return card;
}

function rate(key, change) {
  const now = Number(key.value), middle = Math.log10(now);
  const output = h("output", {}, format(now));
  const slider = h("input", { type: "range", min: middle - 2.5, max: middle + 2.5, step: 0.05, value: middle, "aria-label": `${key.path}, learning rate`, id: `key-${key.path}`,
    oninput: () => { output.textContent = format(rounded(slider.value)); },
    onchange: () => change(key.path, rounded(slider.value)) });
  return h("div", { className: "field" }, h("span", {}, key.path), slider, output);
}

function rounded(logarithm) {
  return Number((10 ** Number(logarithm)).toPrecision(2));
}

function choice(key, now, names, change, label = key) {
  const select = h("select", { "aria-label": label, onchange: () => change(key, select.value) }, names.map((name) => h("option", { value: name, selected: name === now }, name)));
  return h("div", { className: "field" }, h("span", {}, label), select);
}

function number(path, value, change, label, step) {
  const input = h("input", { type: "number", value, step, min: 0, "aria-label": path, onchange: () => change(path, input.value) });
  return h("div", { className: "field" }, h("span", {}, label), input);
}

function allKeys(state, change, options) {
  const rows = state.keys.map((key) => {
    const input = h("input", { value: key.value, "aria-label": key.path, onchange: () => change(key.path, input.value) });
    return h("tr", { title: `${key.help} (${key.type})` }, h("td", {}, key.path), h("td", {}, input));
  });
  const details = h("details", { open: options.open, ontoggle: () => { options.open = details.open; } },
    h("summary", {}, "All keys of the recipe"), h("table", {}, h("tbody", {}, rows)));
  return details;
}

function breaking(state, ask, options) {
  const card = h("section", { className: "card" }, h("h2", {}, "Break it, and cure it"),
    h("p", { className: "note" }, "Each of these starts over with other keys. When the diagnosis sees what is wrong, it says what to try."));
  for (const failure of state.failures) {
    const keys = describe(failure.values);
    card.append(h("h3", {}, failure.title), h("p", { className: "note" }, failure.lesson), h("div", { className: "row" },
      h("button", { type: "button", title: keys, "data-failure": failure.name, onclick: () => ask({ do: "again", values: failure.values }) }, failure.title),
      state.lane === 0 ? h("button", { type: "button", title: keys, onclick: () => ask({ do: "beside", values: failure.values }) }, "Beside a healthy run") : null));
  }
  const text = h("input", { placeholder: "key=value", "aria-label": "a key to change, such as g.lr=1e-4", value: options.assignment ?? "", oninput: () => { options.assignment = text.value; } });
  const chosen = () => { const [key, ...value] = text.value.split("="); return { [key.trim()]: value.join("=").trim() }; };
  card.append(h("h3", {}, "One thing changed"), h("div", { className: "row" }, text,
    h("button", { type: "button", onclick: () => ask({ do: "again", values: text.value ? chosen() : {} }) }, "Start over"),
    state.lane === 0 ? h("button", { type: "button", onclick: () => { if (text.value) ask({ do: "beside", values: chosen() }); } }, "Play beside") : null));
  return card;
}

export function describe(values) {
  return Object.entries(values).map(([key, value]) => `${key}=${value}`).join(" ");
}

/** What the diagnosis found, each with its cures. */
export function hints(state, ask) {
  if (!state.hints?.length) return [];
  return state.hints.map((hint) => h("div", { className: "hint", "data-hint": hint.name }, h("strong", {}, hint.name), ` ${hint.hint.replace(/^step (\d+), [\w-]+: /, "at step $1: ")}`,
    h("div", { className: "row" }, (hint.suggestions ?? []).flatMap((values) => [
      h("button", { type: "button", className: "main", "data-cure": hint.name, onclick: () => ask({ do: "again", values }) }, `Start over with ${describe(values)}`),
      h("button", { type: "button", onclick: () => ask({ do: "change", values }) }, "Apply now")]))));
}
