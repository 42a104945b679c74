/** The player: time, the viewer's turns, and the page around the picture. */

import { Captions } from "./captions.js";
import { CellPanel } from "./cellpanel.js";
import { make } from "./dom.js";
import { Live } from "./live.js";
import { Picture } from "./picture.js";
import { Poses, pick } from "./pick.js";
import { callOf, shapesOf } from "./conv.js";
import { compose } from "./compose.js";
import { Settings } from "./settings.js";
import { pose } from "./pose.js";
import { Story } from "./story.js";
import { STILL, ray, seenAt } from "./view.js";
import { wordsOf } from "./words.js";

const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4];
/** Below this width a window that is taller than wide is shown the tall picture. */
const NARROW = 700;
const LEAST_PITCH = -0.95;
const MOST_PITCH = 0.95;

/** A changed operation's call and numbers, as a scene's are told. */
function told(setting) {
  const { output, weight, parameters, macs } = shapesOf(setting);
  const window = "kernel_size" in setting.arguments ? [setting.arguments.kernel_size].flat() : null;
  const stage = { op: setting.op, input: setting.input, kernel: weight ?? window, output };
  return { calls: [callOf(setting)], explain: { stages: [stage], parameters, macs } };
}

/** How many cells the largest storyboard has. */
function largest(data) {
  const counts = Object.values(data.boards).map((board) => board.cells.reduce((sum, c) => sum + c.start.shape[0], 0));
  return Math.max(...counts);
}

export class App {
  /**
   * @param {any} data see `content` in render/page.py
   * @param {HTMLElement} body
   */
  constructor(data, body) {
    this.data = data;
    this.settings = new URLSearchParams(location.hash.slice(1));
    const wish = (name, allowed) => (allowed.includes(this.settings.get(name)) ? this.settings.get(name) : allowed[0]);
    this.language = wish("lang", data.languages);
    this.theme = wish("theme", data.themes);
    this.speed = SPEEDS.includes(Number(this.settings.get("speed"))) ? Number(this.settings.get("speed")) : 1;
    this.own = STILL;
    this.frame = 1;
    this.playing = false;
    this.spent = []; // milliseconds of JavaScript for each of the last frames
    this.live = null;
    this._build(body);
    this.picture = new Picture(this.canvas, largest(data));
    this.captions = new Captions(this.layer);
    this.cell = new CellPanel(this);
    this.operation = data.live?.alone ? new Settings(this, data.live) : null;
    this._arrange();
    const wanted = Number(this.settings.get("frame"));
    if (wanted >= 1) this.seek(wanted);
    else if (!matchMedia("(prefers-reduced-motion: reduce)").matches && this.settings.get("play") !== "0") this.play();
    addEventListener("resize", () => this._arrange());
    addEventListener("hashchange", () => this._read());
    addEventListener("keydown", (event) => this._key(event));
    this.draw();
    this.ready = performance.now();
  }

  // What is shown

  get words() {
    return wordsOf(this.language);
  }

  get title() {
    return this.data.titles[this.language];
  }

  /** The storyboard for the language, theme and shape of now. */
  _board() {
    const own = this.data.boards[`${this.language} ${this.theme} ${this.shape}`];
    const setting = this.operation?.setting ?? null;
    this.live = this.data.live && (this._original ??= new Live(this.data.live));
    if (!setting) return own;
    const { board, live } = compose(setting, this.operation.values(), {
      size: own.size,
      fps: own.fps,
      seconds: this.data.live.alone.seconds,
      show: this.data.live.alone.show,
      words: this.data.live.alone.words[this.language],
      language: this.language,
      theme: this.theme,
      surroundings: this.data.surroundings[this.theme],
      title: setting.op, // what the scene is called need not be true any more
    });
    this.live = new Live(live);
    return board;
  }

  /** Show the storyboard that fits; at the step where the one before it was. */
  show() {
    const step = this.story?.step(this.frame) ?? 0;
    const frame = this.frame;
    const before = this.story;
    this.story = new Story(this._board());
    this.poses = new Poses(this.story);
    const surroundings = this.data.surroundings[this.theme];
    this.picture.show(this.story, surroundings);
    this.captions.show(this.story, surroundings);
    const same = !before || (before.frames === this.story.frames && before.steps === this.story.steps);
    this.frame = same ? Math.min(frame, this.story.frames) : this.story.frameOf(Math.floor(step));
    this.slider.max = String(this.story.frames);
    this._label();
    this.cell.refresh();
    this.operation?.label();
    this.redraw();
  }

  /** Everything that is to be seen at a frame, for those who check it. */
  state(frame = this.frame) {
    return {
      frame,
      step: this.story.step(frame),
      cells: this.story.cells.map((cells) => {
        const { shown, place, size, lit, ripe } = pose(this.story, cells, frame);
        return { name: cells.name, shown: [...shown], place: [...place], size: [...size], lit: [...lit], ripe };
      }),
      captions: this.captions.said(frame),
    };
  }

  // Time

  play() {
    if (this.playing) return;
    if (this.frame >= this.story.frames) this.frame = 1;
    this.playing = true;
    this.before = null;
    this._label();
    this.redraw();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.frame = Math.round(this.frame);
    this._label();
    this.redraw();
    this._write();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** @param {number} frame */
  seek(frame) {
    this.playing = false;
    this.frame = Math.min(Math.max(1, Math.round(frame)), this.story.frames);
    this._label();
    this.redraw();
    this._write();
  }

  /** To where so many steps more (or fewer) are done. */
  stepBy(count) {
    const step = this.story.step(this.frame);
    const whole = count > 0 ? Math.floor(step + 1e-6) : Math.ceil(step - 1e-6);
    const wanted = Math.min(Math.max(whole + count, 0), this.story.steps);
    let frame = Math.ceil(this.story.frameOf(wanted) - 1e-6);
    if (count > 0 && frame <= this.frame) frame = Math.min(Math.floor(this.frame) + 1, this.story.frames);
    this.seek(frame);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.speedChoice.value = String(speed);
    this._write();
  }

  redraw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame((now) => this._tick(now));
  }

  _tick(now) {
    this.asked = false;
    if (this.playing) {
      const passed = this.before === null ? 0 : Math.min(now - this.before, 250) / 1000;
      this.before = now;
      this.frame += passed * this.story.board.fps * this.speed;
      if (this.frame >= this.story.frames + 1) this.frame = 1;
    }
    this.draw();
    if (this.playing) this.redraw();
  }

  /** Draw the frame of now. */
  draw() {
    const begun = performance.now();
    const frame = Math.min(this.frame, this.story.frames);
    this.seen = seenAt(this.story, frame, this.own);
    this.picture.draw(frame, this.seen);
    this.captions.draw(frame, this.seen, this.picture.size);
    if (this.slider.value !== String(Math.floor(frame))) {
      this.slider.value = String(Math.floor(frame));
    }
    const told = this._told(frame);
    if (told !== this.slider.getAttribute("aria-valuetext")) {
      this.slider.setAttribute("aria-valuetext", told);
      this.readout.textContent = `${Math.ceil(this.story.step(frame) - 1e-6)} / ${this.story.steps}`;
    }
    this.spent.push(performance.now() - begun);
    if (this.spent.length > 300) this.spent.shift();
  }

  _told(frame) {
    const step = Math.ceil(this.story.step(frame) - 1e-6);
    const { steps, frames } = this.story;
    return this.words("at", { step, steps, frame: Math.floor(frame), frames });
  }

  // The viewer's own look

  turn(change) {
    const next = { ...this.own, ...change };
    next.pitch = Math.min(Math.max(next.pitch, LEAST_PITCH), MOST_PITCH);
    next.zoom = Math.min(Math.max(next.zoom, 0.25), 12);
    this.own = next;
    this.redraw();
  }

  reset() {
    this.own = STILL;
    this.redraw();
  }

  /** The cell at a spot of the page. */
  cellAt(x, y) {
    const box = this.canvas.getBoundingClientRect();
    const units = this.seen.width / box.width;
    const spot = ray(this.seen, (x - box.left - box.width / 2) * units, (box.top + box.height / 2 - y) * units);
    return pick(this.poses, Math.min(this.frame, this.story.frames), spot);
  }

  // The page

  _build(body) {
    const button = (name, run, kind = "button") => make(kind, { type: "button", "data-word": name, click: run });
    this.heading = make("h1");
    this.languageButton = button("language", () => this.setLanguage());
    this.themeButton = make("button", { type: "button", click: () => this.setTheme() });
    this.canvas = make("canvas", { tabindex: 0, role: "application" });
    this.layer = make("div.captions", { "aria-hidden": "true" });
    this.stage = make("div.stage", {}, this.canvas, this.layer);
    this.playButton = make("button.main", { type: "button", click: () => this.toggle() });
    this.slider = make("input", { type: "range", min: 1, max: 1, step: 1, value: 1, "data-label": "time" });
    this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
    this.readout = make("output", { "aria-live": "off" });
    this.speedChoice = make("select", { "data-label": "speed" });
    this.speedChoice.append(...SPEEDS.map((speed) => make("option", { value: speed }, `${speed}×`)));
    this.speedChoice.value = String(this.speed);
    this.speedChoice.addEventListener("change", () => this.setSpeed(Number(this.speedChoice.value)));
    this.controls = make(
      "div.controls",
      { role: "group", "data-label": "controls" },
      this.playButton,
      button("back", () => this.stepBy(-1)),
      button("on", () => this.stepBy(1)),
      make("div.time", {}, this.slider),
      this.readout,
      this.speedChoice,
      button("reset", () => this.reset()),
    );
    this.panels = make("div.panels");
    const languages = this.data.languages.length > 1 ? [this.languageButton] : [];
    const themes = this.data.themes.length > 1 ? [this.themeButton] : [];
    const top = make("header", {}, this.heading, ...languages, ...themes);
    this.main = make("main", {}, top, this.stage, this.controls, this.panels);
    body.classList.toggle("embed", this.settings.has("embed"));
    body.append(this.main);
    this._about = make("section");
    this.panels.append(this._about);
    this._pointer();
  }

  /** Words, attributes and colours of the page itself. */
  _label() {
    const { words } = this;
    document.documentElement.lang = this.language === "zh" ? "zh-CN" : this.language;
    document.documentElement.dataset.theme = this.theme;
    document.title = this.title;
    this.heading.textContent = this.title;
    for (const each of this.main.querySelectorAll("[data-word]")) each.textContent = words(each.dataset.word);
    for (const each of this.main.querySelectorAll("[data-label]")) each.setAttribute("aria-label", words(each.dataset.label));
    this.playButton.textContent = words(this.playing ? "pause" : "play");
    this.themeButton.textContent = words(this.theme === "dark" ? "theme_light" : "theme_dark");
    this.canvas.setAttribute("aria-label", words("picture", { title: this.title }));
    this._tell();
  }

  /** The numbers of the scene, for eyes and for screen readers. */
  _tell() {
    const setting = this.operation?.setting ?? null;
    const key = `${this.language} ${JSON.stringify(setting)}`;
    if (this._about.dataset.key === key) return;
    this._about.dataset.key = key;
    const { words } = this;
    const live = this.data.live && (setting ? told(setting) : this.data.live);
    const parts = live ? [make("h2", {}, words("about"))] : [];
    const story = this.data.stories[this.language];
    if (story && !setting) parts.push(make("p", {}, story));
    if (live) {
      parts.push(...live.calls.map((call) => make("p", {}, make("code", {}, call))));
      const rows = live.explain.stages.map((stage) => [stage.op, stage.input, stage.kernel, stage.output]);
      const cell = (shape) => make("td", {}, shape ? shape.join("×") : "–");
      const head = ["", "input", "kernel", "output"].map((name) => make("th", { scope: "col" }, name && words(name)));
      const body = rows.map(([op, ...shapes]) => make("tr", {}, make("th", { scope: "row" }, op), ...shapes.map(cell)));
      parts.push(make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body)));
      const { parameters, macs } = live.explain;
      const count = (number) => number.toLocaleString("en");
      parts.push(make("p", {}, `${words("parameters")}: ${count(parameters)} · ${words("macs")}: ${count(macs)}`));
    }
    parts.push(make("h2", {}, words("keys")), make("p.faint", {}, words("keys_told")));
    this._about.replaceChildren(...parts);
  }

  setLanguage(language) {
    const { languages } = this.data;
    this.language = language ?? languages[(languages.indexOf(this.language) + 1) % languages.length];
    this.show();
    this._write();
  }

  setTheme(theme) {
    const { themes } = this.data;
    this.theme = theme ?? themes[(themes.indexOf(this.theme) + 1) % themes.length];
    this.show();
    this._write();
  }

  /** Choose the shape of the picture, and how large it is. */
  _arrange() {
    const room = this.main.clientWidth - 24;
    const high = window.innerHeight;
    const shape = room < NARROW && high > window.innerWidth ? "tall" : "wide";
    if (shape !== this.shape) {
      this.shape = shape;
      this.show();
    }
    const [width, height] = this.story.board.size;
    const most = Math.max(260, high - (this.settings.has("embed") ? 70 : 130));
    const wide = Math.min(Math.max(room, 200), (most * width) / height, 1216);
    const size = [Math.round(wide), Math.round((wide * height) / width)];
    this.stage.style.width = `${size[0]}px`;
    this.stage.style.height = `${size[1]}px`;
    this.picture.resize(...size);
    this.redraw();
  }

  _pointer() {
    const touches = new Map();
    let moved = 0;
    this.canvas.addEventListener("pointerdown", (event) => {
      touches.set(event.pointerId, [event.clientX, event.clientY]);
      this.canvas.setPointerCapture(event.pointerId);
      moved = 0;
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const before = touches.get(event.pointerId);
      if (!before) {
        if (event.pointerType === "mouse") this.cell.hover(this.cellAt(event.clientX, event.clientY));
        return;
      }
      const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
      moved += Math.abs(dx) + Math.abs(dy);
      const width = this.picture.size[0];
      if (touches.size === 2) {
        const [other] = [...touches].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
        const apart = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]);
        this.turn({ zoom: (this.own.zoom * apart([event.clientX, event.clientY])) / Math.max(apart(before), 1) });
      } else if (event.shiftKey || event.buttons === 4 || event.buttons === 2) {
        this.turn({ x: this.own.x - dx / width, y: this.own.y + dy / width });
      } else if (moved > 4) {
        this.canvas.classList.add("turning");
        this.turn({ yaw: this.own.yaw - dx * 0.006, pitch: this.own.pitch - dy * 0.006 });
      }
      touches.set(event.pointerId, [event.clientX, event.clientY]);
    });
    const up = (event) => {
      if (touches.delete(event.pointerId) && event.type === "pointerup" && moved <= 4) {
        this.cell.choose(this.cellAt(event.clientX, event.clientY));
      }
      this.canvas.classList.remove("turning");
    };
    this.canvas.addEventListener("pointerup", up);
    this.canvas.addEventListener("pointercancel", up);
    this.canvas.addEventListener("pointerleave", () => this.cell.hover(null));
    this.canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    this.canvas.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && document.activeElement !== this.canvas) return; // the page scrolls on
        event.preventDefault();
        this.turn({ zoom: this.own.zoom * Math.exp(-event.deltaY * 0.0015) });
      },
      { passive: false },
    );
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest?.("input, select, textarea");
    const pressed = event.target.closest?.("button, a");
    if (event.target === this.canvas && this.cell.key(event)) {
      event.preventDefault();
      return;
    }
    if (field || (pressed && (event.key === " " || event.key === "Enter"))) return;
    const faster = SPEEDS[Math.min(SPEEDS.indexOf(this.speed) + 1, SPEEDS.length - 1)];
    const slower = SPEEDS[Math.max(SPEEDS.indexOf(this.speed) - 1, 0)];
    const known = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.stepBy(-1),
      ArrowRight: () => this.stepBy(1),
      Home: () => this.seek(1),
      End: () => this.seek(this.story.frames),
      "+": () => this.setSpeed(faster),
      "=": () => this.setSpeed(faster),
      "-": () => this.setSpeed(slower),
      r: () => this.reset(),
      l: () => this.setLanguage(),
      t: () => this.setTheme(),
      Escape: () => this.cell.choose(null),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!known) return;
    event.preventDefault();
    known();
  }

  /** After a slider has moved. */
  changed() {
    this.show();
    this._write();
  }

  // The link

  /** Keep the settings in the address. */
  _write() {
    if (!this.ready) return;
    const set = (name, value) => (value === null ? this.settings.delete(name) : this.settings.set(name, String(value)));
    set("lang", this.data.languages.length > 1 ? this.language : null);
    set("theme", this.data.themes.length > 1 ? this.theme : null);
    set("speed", this.speed === 1 ? null : this.speed);
    set("frame", this.playing ? null : Math.round(this.frame));
    for (const [name, value] of Object.entries(this.operation?.link() ?? {})) set(name, value);
    clearTimeout(this.writing);
    this.writing = setTimeout(() => history.replaceState(null, "", `#${this.settings}`), 150);
  }

  /** Follow an address that was changed by hand. */
  _read() {
    const settings = new URLSearchParams(location.hash.slice(1));
    if (settings.toString() === this.settings.toString()) return;
    location.reload();
  }
}
