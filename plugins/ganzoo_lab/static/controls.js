// Playing, and everything that can be changed while it is played.
import { format, h } from "/static/dom.js";

const PLAYERS = { g: "the generator G", d: "the discriminator D" };
const SLOWEST = -6, FASTEST = 0;
const SPEEDS = [["1 step/s", 1], ["10 steps/s", 10], ["100 steps/s", 100], ["as fast as it can", 0]];

/** The controls of one run. `ask` sends a message about it. */
export function controls(state, zoo, ask, options) {
  return [playing(state, ask), ...(state.kind === "session" ? [changing(state, zoo, ask, options), breaking(state, ask, options)] : [])];
}

function playing(state, ask) {
  const card = h("section", { className: "card" }, h("h2", {}, options_title("Play", state)));
  if (state.kind === "run") {
    card.append(
      h("p", { className: "note" }, { finished: "This run has finished.", running: "This run is being trained; the page follows." }[state.doing] ?? "This run was stopped."),
      h("div", { className: "row" }, h("button", { type: "button", className: "main", onclick: () => ask({ do: "play_on" }) }, `Play on from step ${state.step}`)));
    return card;
  }
  const moves = state.phases.map((phase) => h("button", { type: "button", title: `One update of ${PLAYERS[phase.player] ?? phase.player} alone (key: ${phase.name})`,
    onclick: () => ask({ do: "phase", name: phase.name }) }, `${phase.name.length > 1 ? phase.name : phase.name.toUpperCase()} moves`));
  const speed = h("select", { "aria-label": "speed", onchange: () => ask({ do: "speed", steps_per_second: Number(speed.value) }) },
    SPEEDS.map(([name, value]) => h("option", { value, selected: state.speed === value }, name)));
  const back = h("select", { "aria-label": "go back to a step", onchange: () => {
      const later = state.saved.filter((step) => step > Number(back.value)).length;
      const sure = back.value !== "" && (!later || confirm(`Going back to ${back.value === "0" ? "the start" : `step ${back.value}`} removes what came after it: ${later} saved ${later > 1 ? "states" : "state"}, and later changes.`));
      if (sure) ask({ do: "back", step: Number(back.value) }); else back.value = "";
    } },
    h("option", { value: "" }, "Back to …"), state.saved.map((step) => h("option", { value: step }, step ? `step ${step}` : "the start")));
  card.append(
    h("div", { className: "row" },
      h("button", { type: "button", className: "main", id: `play-${state.lane}`, title: "Space bar", onclick: () => ask({ do: "play", on: !state.playing }) },
        state.playing ? "❚❚ Pause" : state.finished ? "▶ Play on" : "▶ Play"),
      h("button", { type: "button", title: "One step of all players (key: s)", onclick: () => ask({ do: "step" }) }, "Step"), moves),
    h("div", { className: "row" }, speed, back, h("button", { type: "button", title: "Save a checkpoint, to which you can go back", onclick: () => ask({ do: "save" }) }, "Save")));
  return card;
}

function options_title(text, state) {
  return state.difference ? `${text}: ${state.difference}` : text;
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
  if ("n_critic" in values) card.append(number("n_critic", values.n_critic, change, "D updates per step", 1));
  for (const key of state.keys.filter((key) => key.own)) card.append(number(key.path, key.value, change, key.path, "any", key.help));
  card.append(allKeys(state, change, options));
  return card;
}

function rate(key, change) {
  const now = Number(key.value), place = Math.log10(now);
  const output = h("output", {}, format(now));
  const slider = h("input", { type: "range", min: Math.min(SLOWEST, place), max: Math.max(FASTEST, place), step: 0.05, value: place, "aria-label": `${key.path}, learning rate`, id: `key-${key.path}`,
    oninput: () => { output.textContent = format(rounded(slider.value)); },
    onchange: () => change(key.path, rounded(slider.value)) });
  return h("div", { className: "field" }, h("span", { title: `learning rate of ${PLAYERS[key.path.split(".")[0]] ?? key.path.split(".")[0]}` }, key.path), slider, output);
}

function rounded(logarithm) {
  return Number((10 ** Number(logarithm)).toPrecision(2));
}

function choice(key, now, names, change, label = key) {
  const select = h("select", { "aria-label": label, onchange: () => change(key, select.value) }, names.map((name) => h("option", { value: name, selected: name === now }, name)));
  return h("div", { className: "field" }, h("span", {}, label), select);
}

function number(path, value, change, label, step, title) {
  const input = h("input", { type: "number", value, step, min: 0, "aria-label": path, onchange: () => change(path, input.value) });
  return h("div", { className: "field" }, h("span", { title }, label), input);
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
    h("p", { className: "note" }, state.failures.length
      ? "Each of these starts over from the sound recipe, with other keys. When the diagnosis sees what is wrong, it says what to try. Some GANs resist."
      : "There is no ready-made failure for this game: change one thing, and look."));
  for (const failure of state.failures) {
    const keys = describe(failure.values);
    card.append(h("h3", {}, failure.title), h("p", { className: "note" }, failure.lesson), h("div", { className: "row" },
      h("button", { type: "button", title: keys, "data-failure": failure.name, onclick: () => ask({ do: "again", values: failure.values, sound: true }) }, failure.title),
      state.lane === 0 ? h("button", { type: "button", title: keys, onclick: () => ask({ do: "beside", values: failure.values, sound: true }) }, "Beside a healthy run") : null));
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

/** What the diagnosis found, each with its cures, and what it measured last. */
export function hints(state, ask) {
  const last = state.measured?.[0];
  const found = (state.hints ?? []).map((hint) => {
    const keys = new Set((hint.suggestions ?? []).flatMap(Object.keys));
    const applied = (state.changes ?? []).filter((change) => change.step >= hint.step && keys.has(change.key));
    const past = hint.name === "mode-collapse" && last && last.step > hint.step && last.variety > 2 * LOW;
    return h("div", { className: past ? "hint past" : "hint", "data-hint": hint.name }, h("strong", { title: WORDS[hint.name] }, hint.name),
      ` ${hint.hint.replace(/^step (\d+), [\w-]+: /, "at step $1: ").replace(/`--set ([^`]*)`/g, "$1")}`,
      WORDS[hint.name] ? h("p", { className: "note" }, WORDS[hint.name]) : null,
      past ? h("p", {}, `Recovered: at step ${last.step} the variety is ${percent(last.variety)} again.`) : null,
      ...applied.map((change) => h("p", {}, `${change.key}=${change.to ?? "none"} since step ${change.step}. A generator that has collapsed seldom comes back: starting over is the surer cure.`)),
      past || state.kind === "run" ? null : h("div", { className: "row" }, (hint.suggestions ?? []).flatMap((values) => [
        h("button", { type: "button", className: "main", "data-cure": hint.name, title: "a new run from the beginning, with this", onclick: () => ask({ do: "again", values }) }, `Start over with ${describe(values)}`),
        Object.keys(values).every((key) => applied.some((change) => change.key === key)) ? null
          : h("button", { type: "button", title: "change this run from the next step on", onclick: () => ask({ do: "change", values }) }, `Change to ${describe(values)}`)])));
  });
  return [...found, h("p", { className: "note" }, measured(state, last, found.length > 0))];
}

const LOW = 0.15;
const percent = (fraction) => `${Math.round(fraction * 100)} %`;
const WORDS = {
  "mode-collapse": "Mode collapse: the generator makes only a few kinds of samples, and leaves out the rest of the data.",
  "discriminator-won": "The discriminator is always right, so that the generator no longer learns from it.",
  "discriminator-died": "The discriminator says the same of every sample, so neither player learns any more.",
  divergence: "The numbers grow without end instead of settling.",
  "non-finite": "A number left the range of the computer's arithmetic, and training cannot go on.",
};

/** The last measurement in words. */
function measured(state, last, wrong) {
  const next = state.next_measurement ? ` Next look: step ${state.next_measurement}.` : "";
  if (!last) return `Not looked at yet.${next}`;
  if (last.variety === undefined) return `This game or kind of data has no measure of variety; only its numbers are watched.${next}`;
  const variety = `At step ${last.step} the samples have ${percent(last.variety)} of the variety of real ones`;
  if (wrong) return `${variety}.${next}`;
  return last.variety > LOW ? `${variety}: nothing is wrong so far.${next}` : `${variety}. Every generator starts like this; if it stays, it is a collapse.${next}`;
}
