"use strict";
// Runs the generator in this page. Texts from the file are only ever set as text.
const ganzooPage = (() => {
  const settings = JSON.parse(document.getElementById("settings").textContent);
  const { latent, shape, classes, vectors, deviations } = settings;
  const images = settings.kind === "image";
  const COUNT = images ? 36 : 2000;
  const AT_ONCE = 64;
  const MOST_BUTTONS = 24;
  const element = (id) => document.getElementById(id);
  const state = { seed: 0, chosen: 0, label: -1, amounts: vectors.map(() => 0), turn: 0, walking: false };
  let session = null, start = null, end = null, bounds = null, stale = false, busy = null;

  async function unpacked(id) {
    const packed = Uint8Array.from(atob(element(id).textContent.trim()), (character) => character.charCodeAt(0));
    element(id).textContent = "";
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function load() {
    if (typeof DecompressionStream === "undefined" || typeof WebAssembly === "undefined") {
      throw new Error("this browser is too old; use one from 2023 or later");
    }
    const [network, module, binary] = await Promise.all(["network", "module", "binary"].map(unpacked));
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.wasm.wasmBinary = binary.buffer;
    ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([module], { type: "text/javascript" })) };
    session = await ort.InferenceSession.create(network, { executionProviders: ["wasm"] });
  }

  // Uniform numbers in (0, 1) from a 32-bit seed (mulberry32).
  function uniform(seed) {
    let a = seed >>> 0;
    return () => {
      a = (a + 0x6d2b79f5) | 0;
      let t = Math.imul(a ^ (a >>> 15), 1 | a);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
    };
  }

  function latents(seed, count) {
    const draw = uniform(seed);
    const z = new Float32Array(count * latent);
    for (let i = 0; i < z.length; i++) {
      z[i] = settings.uniform
        ? 2 * draw() - 1
        : Math.sqrt(-2 * Math.log(draw())) * Math.cos(2 * Math.PI * draw());
    }
    return z;
  }

  // Samples [count, ...shape] of latents [count, latent] and class numbers.
  async function generate(z, labels) {
    const count = z.length / latent;
    const size = shape.reduce((a, b) => a * b, 1);
    const x = new Float32Array(count * size);
    for (let from = 0; from < count; from += AT_ONCE) {
      const to = Math.min(count, from + AT_ONCE);
      const feeds = { z: new ort.Tensor("float32", z.slice(from * latent, to * latent), [to - from, latent]) };
      if (classes.length) {
        feeds.y = new ort.Tensor("int64", BigInt64Array.from(labels.slice(from, to), BigInt), [to - from]);
      }
      x.set((await session.run(feeds)).x.data, from * size);
    }
    return x;
  }

  // Latents on the way from one to another and back, moved along the directions.
  function moved() {
    const z = new Float32Array(start.length);
    const c = Math.cos(state.turn), s = Math.sin(state.turn);
    const there = Math.abs((((state.turn / Math.PI) % 2) + 2) % 2 - 1);
    for (let i = 0; i < z.length; i++) {
      z[i] = settings.uniform ? there * start[i] + (1 - there) * end[i] : c * start[i] + s * end[i];
    }
    state.amounts.forEach((amount, k) => {
      if (amount) {
        for (let i = 0; i < z.length; i++) z[i] += amount * deviations[k] * vectors[k][i % latent];
      }
    });
    return z;
  }

  const labelOf = (i) => (state.label < 0 ? i % Math.max(1, classes.length) : state.label);

  function toPixels(x, at) {
    const [channels, height, width] = shape, area = height * width;
    const pixels = new ImageData(width, height);
    for (let i = 0; i < area; i++) {
      for (let c = 0; c < 3; c++) {
        const value = x[at * channels * area + (channels === 1 ? 0 : c) * area + i];
        pixels.data[4 * i + c] = Math.round(Math.min(255, Math.max(0, (value + 1) * 127.5)));
      }
      pixels.data[4 * i + 3] = 255;
    }
    return pixels;
  }

  function drawImage(canvas, x, at) {
    canvas.width = shape[2];
    canvas.height = shape[1];
    canvas.getContext("2d").putImageData(toPixels(x, at), 0, 0);
  }

  function boundsOf(x) {
    return [0, 1].map((axis) => {
      let low = Infinity, high = -Infinity;
      for (let i = axis; i < x.length; i += shape[0]) {
        low = Math.min(low, x[i]);
        high = Math.max(high, x[i]);
      }
      const pad = 0.15 * (high - low || 1);
      return [low - pad, high + pad];
    });
  }

  function drawPoints(canvas, x) {
    const side = canvas.width = canvas.height = 480;
    const context = canvas.getContext("2d");
    context.fillStyle = getComputedStyle(document.body).color;
    for (let i = 0; i < x.length; i += shape[0]) {
      const [left, top] = [0, 1].map((axis) => (x[i + axis] - bounds[axis][0]) / (bounds[axis][1] - bounds[axis][0]));
      context.fillRect(left * side - 1, (1 - top) * side - 1, 2, 2);
    }
  }

  async function redraw(everything) {
    const z = moved();
    if (!images) {
      const x = await generate(z, Array.from({ length: COUNT }, (_, i) => labelOf(i)));
      bounds = bounds || boundsOf(x);
      drawPoints(element("sample"), x);
      const range = bounds.map(([low, high]) => `${low.toFixed(2)} to ${high.toFixed(2)}`);
      caption(`${COUNT} points, x from ${range[0]}, y from ${range[1]}`);
      return;
    }
    const one = await generate(z.slice(state.chosen * latent, (state.chosen + 1) * latent), [labelOf(state.chosen)]);
    drawImage(element("sample"), one, 0);
    const name = classes.length ? `, class ${classes[labelOf(state.chosen)]}` : "";
    caption(`Sample ${state.chosen + 1} of seed ${state.seed}${name}`);
    if (everything) {
      const x = await generate(z, Array.from({ length: COUNT }, (_, i) => labelOf(i)));
      [...element("grid").children].forEach((button, i) => {
        drawImage(button.firstChild, x, i);
        button.setAttribute("aria-pressed", String(i === state.chosen));
      });
    }
  }

  function caption(text) {
    element("caption").textContent = text;
    element("sample").setAttribute("aria-label", text);
  }

  // One drawing at a time; what is requested meanwhile is drawn once, as things are then.
  function update(everything = true) {
    stale = stale || everything;
    busy = busy || (async () => {
      try {
        do {
          const all = stale;
          stale = false;
          await redraw(all);
        } while (stale);
      } catch (error) {
        say(`The network failed: ${error.message}`);
      } finally {
        busy = null;
      }
    })();
    return busy;
  }

  function setSeed(seed) {
    state.seed = Math.min(4294967295, Math.max(0, Math.trunc(Number(seed)) || 0));
    state.turn = 0;
    element("seed").value = state.seed;
    start = latents(state.seed, COUNT);
    end = latents((state.seed ^ 0x9e3779b9) >>> 0, COUNT);
    return update();
  }

  function walk(now, before) {
    if (!state.walking) return;
    const speed = Number(element("speed").value);
    state.turn += Math.min(0.1, (now - before) / 1000) * speed;
    update(false).then(() => requestAnimationFrame((next) => walk(next, now)));
  }

  function toggleWalk() {
    state.walking = !state.walking;
    element("play").setAttribute("aria-pressed", String(state.walking));
    element("play").textContent = state.walking ? "Pause" : "Walk";
    if (state.walking) requestAnimationFrame((now) => walk(now, now));
    else update();
  }

  function say(text) {
    element("status").textContent = text;
  }

  function made(tag, attributes, text = "") {
    const found = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
    found.textContent = text;
    return found;
  }

  function addSliders() {
    settings.labels.forEach((label, k) => {
      const row = made("div", { class: "slider" });
      const input = made("input", { type: "range", min: -3, max: 3, step: 0.05, value: 0, id: `slider-${k}` });
      const shown = made("output", { for: `slider-${k}` }, "0");
      input.addEventListener("input", () => {
        state.amounts[k] = Number(input.value);
        shown.textContent = input.value;
        update();
      });
      row.append(made("label", { for: `slider-${k}` }, label), input, shown);
      element("sliders").append(row);
    });
    element("reset").addEventListener("click", () => {
      state.amounts.fill(0);
      for (const input of element("sliders").querySelectorAll("input")) input.value = 0;
      for (const shown of element("sliders").querySelectorAll("output")) shown.textContent = "0";
      update();
    });
  }

  function addClasses() {
    if (!classes.length) return;
    element("classes").hidden = false;
    const choose = (value) => {
      state.label = Number(value);
      update();
    };
    const names = [["each in turn", -1], ...classes.map((name, number) => [name, number])];
    if (classes.length > MOST_BUTTONS) {
      const list = made("select", { "aria-label": "Class" });
      list.append(...names.map(([name, number]) => made("option", { value: number }, name)));
      list.addEventListener("change", () => choose(list.value));
      element("classes").append(list);
      return;
    }
    for (const [name, number] of names) {
      const label = made("label", {});
      const input = made("input", { type: "radio", name: "class", value: number });
      input.checked = number < 0;
      input.addEventListener("change", () => choose(number));
      label.append(input, ` ${name}`);
      element("classes").append(label);
    }
  }

  function addGrid() {
    element("grid-section").hidden = !images;
    for (let i = 0; images && i < COUNT; i++) {
      const button = made("button", { type: "button", "aria-label": `sample ${i + 1}`, "aria-pressed": "false" });
      button.append(made("canvas", {}));
      button.addEventListener("click", () => {
        state.chosen = i;
        update();
      });
      element("grid").append(button);
    }
  }

  async function begin() {
    try {
      await load();
      addSliders();
      addClasses();
      addGrid();
      element("new").addEventListener("click", () => setSeed((state.seed + 1) % 4294967296));
      element("seed").addEventListener("change", () => setSeed(element("seed").value));
      element("play").addEventListener("click", toggleWalk);
      document.addEventListener("keydown", (event) => {
        const typing = event.target.matches("select, input[type=number]");
        if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key === "n" || event.key === "N") setSeed((state.seed + 1) % 4294967296);
        if (event.key === "w" || event.key === "W") toggleWalk();
      });
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => update());
      document.querySelector("main").hidden = false;
      await setSeed(0);
      say("Ready.");
    } catch (error) {
      say(`This page cannot run its network: ${error.message}.`);
      throw error;
    }
  }

  // A program that waits for this gets the error; the page shows it.
  const ready = begin();
  ready.catch(() => {});

  // For programs: samples of these latents (an array of rows), the first of which is drawn large.
  async function show(rows, labels) {
    await ready;
    const x = await generate(Float32Array.from(rows.flat()), labels);
    if (images) drawImage(element("sample"), x, 0);
    else drawPoints(element("sample"), x);
    return Array.from(x);
  }

  return { ready, show, state };
})();
