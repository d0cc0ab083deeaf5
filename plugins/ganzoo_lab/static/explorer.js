// The generator's latent space: a sample under the pointer, sliders along directions, classes, a walk.
import { h } from "/static/dom.js";

const SPEED = 0.5, REACH = 3, SHOWN = 6;

export class Explorer {
  constructor(send) {
    this.send = send;
    this.seed = 0;
    this.position = 0;
    this.moves = {};
    this.label = null;
    this.walking = false;
    this.waiting = false;
    this.again = this.find = false;
    this.shares = [];
    this.image = h("img", { className: "pad", alt: "a sample from the chosen latent", tabIndex: 0, draggable: false,
      onpointermove: (event) => this.under(event), onkeydown: (event) => this.nudge(event) });
    this.sliders = h("div");
    this.classes = h("div", { className: "row", role: "group", "aria-label": "class" });
    this.walk = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.toggleWalk() }, "Walk");
    this.element = h("section", { className: "card" }, h("h2", {}, "Explore the generator"), this.image,
      h("p", { className: "note" }, "Move the pointer over the picture (or use the arrow keys) to move along the first two directions."),
      this.classes, h("div", { className: "row" }, h("button", { type: "button", onclick: () => this.fresh() }, "New sample"), this.walk,
      h("button", { type: "button", onclick: () => { this.moves = {}; this.slide(); this.ask(); } }, "Centre"),
        h("button", { type: "button", title: "find the directions of the generator as it is now", onclick: () => this.ask(true) }, "Find directions")), this.sliders);
  }

  setState(state) {
    const shape = `${state.lane} ${state.path} ${state.classes.length}`;
    const paused = this.playing && !state.playing;
    this.playing = state.playing;
    if (shape === this.shape) {
      // The generator has learnt since its directions were found.
      if (paused) this.ask(true);
      return;
    }
    this.shape = shape;
    this.lane = state.lane;
    this.shares = [];
    this.label = state.classes.length ? 0 : null;
    this.moves = {};
    this.classes.replaceChildren(...state.classes.map((name, number) => h("button", { type: "button", "aria-pressed": String(number === this.label),
      onclick: (event) => { this.label = number; for (const other of this.classes.children) other.setAttribute("aria-pressed", String(other === event.target)); this.ask(); } }, name)));
    this.slide();
    this.ask(true);
  }

  slide() {
    this.sliders.replaceChildren(...this.shares.slice(0, SHOWN).map((share, number) => {
      const slider = h("input", { type: "range", min: -REACH, max: REACH, step: 0.1, value: this.moves[number] ?? 0, "aria-label": `direction ${number + 1}`,
        oninput: () => { this.moves[number] = Number(slider.value); this.ask(); } });
      return h("div", { className: "field" }, h("span", {}, `direction ${number + 1}`), slider,
        h("output", { title: "fraction of all change that is along this direction" }, `${Math.round(share * 100)} %`));
    }));
  }

  fresh() { this.seed = Math.floor(Math.random() * 1e9); this.position = 0; this.ask(); }

  toggleWalk() {
    this.walking = !this.walking;
    this.walk.setAttribute("aria-pressed", String(this.walking));
    this.last = performance.now();
    if (this.walking) this.ask();
  }

  under(event) {
    const box = this.image.getBoundingClientRect();
    this.moves[0] = ((event.clientX - box.left) / box.width * 2 - 1) * REACH;
    this.moves[1] = (1 - (event.clientY - box.top) / box.height * 2) * REACH;
    this.ask();
  }

  nudge(event) {
    const step = { ArrowLeft: [0, -0.3], ArrowRight: [0, 0.3], ArrowUp: [1, 0.3], ArrowDown: [1, -0.3] }[event.key];
    if (!step) return;
    event.preventDefault();
    this.moves[step[0]] = Math.max(-REACH, Math.min(REACH, (this.moves[step[0]] ?? 0) + step[1]));
    this.ask();
  }

  /** Ask for the sample; while an answer is awaited, the newest wish waits. */
  ask(find = false) {
    if (this.waiting) { this.again = true; this.find ||= find; return; }
    this.waiting = true;
    if (this.walking) {
      const now = performance.now();
      this.position += (now - this.last) / 1000 * SPEED;
      this.last = now;
    }
    this.send({ do: "explore", lane: this.lane, seed: this.seed, position: this.position, moves: this.moves, label: this.label, again: find });
  }

  show(message) {
    this.waiting = false;
    if (message.image) this.image.src = message.image;
    if (JSON.stringify(message.directions) !== JSON.stringify(this.shares)) {
      this.shares = message.directions;
      this.slide();
    }
    if (this.again || this.walking) {
      const find = this.find;
      this.again = this.find = false;
      setTimeout(() => this.ask(find), 60);
    }
  }
}
