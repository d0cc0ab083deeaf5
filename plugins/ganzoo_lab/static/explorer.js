// The generator's latent space: a sample under the pointer, sliders along directions, classes, a walk.
import { h } from "/static/dom.js";

const SPEED = 0.5, REACH = 3, SHOWN = 6, REFRESH = 1500;

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
    this.image.hidden = true;
    this.text = h("pre", { hidden: true, "aria-label": "a generated sample as text" });
    this.sliders = h("div");
    this.refreshDue = 0;
    this.classes = h("div", { className: "row", role: "group", "aria-label": "class" });
    this.walk = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.toggleWalk() }, "Walk");
    this.element = h("section", { className: "card" }, h("h2", {}, "Explore the generator"), this.image, this.text,
      h("p", { className: "note" }, "One sample. Move the pointer over it (or use the arrow keys) to change it along the two directions in which samples change most; the sliders are these and four more."),
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
    this.image.classList.toggle("smooth", state.modality !== "image");
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
      return h("div", { className: "field" }, h("span", { title: "a direction in latent space; samples change most along the first" }, `direction ${number + 1}`), slider,
        h("output", { title: `${Math.round(share * 100)} % of how samples change is along this direction` }, `${Math.round(share * 100)} %`));
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
    this.place();
    this.ask();
  }

  /** Let the sliders show where the sample is. */
  place() {
    this.sliders.querySelectorAll("input").forEach((slider, number) => { slider.value = this.moves[number] ?? 0; });
  }

  /** The generator has learnt: draw its sample again, if anyone can see it. */
  learnt() {
    const now = performance.now();
    if (this.lane === undefined || this.waiting || this.walking || now < this.refreshDue || !this.element.isConnected) return;
    const box = this.element.getBoundingClientRect();
    if (box.bottom < 0 || box.top > innerHeight) return;
    this.refreshDue = now + REFRESH;
    this.ask();
  }

  nudge(event) {
    const step = { ArrowLeft: [0, -0.3], ArrowRight: [0, 0.3], ArrowUp: [1, 0.3], ArrowDown: [1, -0.3] }[event.key];
    if (!step) return;
    event.preventDefault();
    this.moves[step[0]] = Math.max(-REACH, Math.min(REACH, (this.moves[step[0]] ?? 0) + step[1]));
    this.place();
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
    this.image.hidden = !this.image.src;
    this.text.hidden = !message.lines;
    this.text.textContent = (message.lines ?? []).join("\n");
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
