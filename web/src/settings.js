/** Sliders for the hyperparameters of a single operation, and what becomes of it when they move. */

import { MOST_CELLS, MOST_MACS } from "./compose.js";
import { ConvMathError, bankOf, shapesOf } from "./conv.js";
import { make } from "./dom.js";

/** From where to where a slider goes, and its step. */
const RANGES = {
  input: [1, 16],
  out_channels: [1, 16],
  kernel_size: [1, 7],
  stride: [1, 5],
  padding: [0, 4],
  output_padding: [0, 3],
  dilation: [1, 4],
  groups: [1, 16],
  output_size: [1, 8],
  scale_factor: [0.5, 4, 0.5],
  size: [1, 16],
  upscale_factor: [1, 4],
  downscale_factor: [1, 4],
};
const MODES = ["zeros", "reflect", "replicate", "circular"];
const AXES = ["depth", "height", "width"];
const product = (shape) => shape.reduce((a, b) => a * b, 1);

/** A sequence of numbers 0..1 from a seed: Mulberry32. It is not NumPy's: other values than in a film. */
function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class Settings {
  /**
   * @param {import("./app.js").App} app
   * @param {any} live
   */
  constructor(app, live) {
    this.app = app;
    this.live = live;
    this.alone = live.alone;
    /** What is shown; null: as the scene has it. */
    this.setting = null;
    this.fields = this._fields();
    this.wanted = new Map(this.fields.map((field) => [field.key, field.value]));
    this.section = make("section", { "data-kind": "settings" });
    app.panels.insertBefore(this.section, app.panels.children[1]);
    this._build();
    for (const field of this.fields) {
      const given = app.settings.get(field.key);
      if (given !== null) this._set(field, field.choices ? given : Number(given));
    }
    this._apply();
  }

  /** One slider for a number, or one for each axis where there are several. */
  _fields() {
    const { input, arguments: a, op } = this.alone;
    const [, ...spatial] = input;
    const names = AXES.slice(-spatial.length);
    const fields = [{ key: "channels", path: ["input", 0], value: input[0], name: () => this.app.words("channels") }];
    spatial.forEach((size, axis) =>
      fields.push({ key: names[axis], path: ["input", axis + 1], value: size, name: () => this.app.words(names[axis]) }),
    );
    for (const [name, value] of Object.entries(a)) {
      if (name === "padding_mode" && op !== "Pad" && !op.startsWith("ConvTranspose")) {
        fields.push({ key: name, path: [name], value, choices: MODES, name: () => name });
      }
      if (!(name in RANGES)) continue;
      const known = name === "stride" && value === null ? a.kernel_size : value;
      if (Array.isArray(known)) {
        known.forEach((v, axis) => {
          if (typeof v !== "number") return;
          fields.push({ key: `${name}.${names[axis]}`, path: [name, axis], value: v, name: () => `${name} (${this.app.words(names[axis])})` });
        });
      } else if (typeof known === "number") {
        fields.push({ key: name, path: [name], value: known, follows: value === null, name: () => name });
      }
    }
    return fields;
  }

  _build() {
    this.title = make("h2");
    this.note = make("p.faint");
    this.error = make("p.error", { role: "alert" });
    this.again = make("button", { type: "button", "data-word": "as_made", click: () => this.reset() });
    this.section.append(this.title);
    const rows = this.fields.map((field, number) => {
      const id = `setting-${number}`;
      field.label = make("label", { for: id });
      field.output = make("output");
      const [least, most, step = 1] = RANGES[field.path[0]] ?? [];
      field.control = field.choices
        ? make("select", { id })
        : make("input", { type: "range", id, min: least, max: Math.max(most, field.value), step });
      if (field.choices) field.control.append(...field.choices.map((mode) => make("option", { value: mode }, mode)));
      field.control.value = String(field.value);
      field.control.addEventListener("input", () => {
        this._set(field, field.choices ? field.control.value : Number(field.control.value));
        this._apply();
        this.app.changed();
      });
      return make("div.slider", {}, field.label, field.control, field.output);
    });
    this.section.append(make("div.sliders", {}, ...rows), this.error, this.note, this.again);
  }

  /** Words of the language of now. */
  label() {
    const { words } = this.app;
    this.title.textContent = words("settings");
    this.note.textContent = words("settings_note");
    this.again.textContent = words("as_made");
    for (const field of this.fields) field.label.textContent = field.name();
  }

  _set(field, value) {
    const { min, max } = field.control;
    const fits = field.choices ? field.choices.includes(value) : value >= Number(min) && value <= Number(max);
    if (!fits) return;
    this.wanted.set(field.key, value);
    field.control.value = String(value);
    if (field.key === "kernel_size" && this.alone.arguments.stride === null) {
      const stride = this.fields.find((each) => each.key === "stride" && each.follows);
      if (stride && !stride.touched) this._follow(stride, value);
    }
    if (field.follows) field.touched = true;
  }

  _follow(field, value) {
    this.wanted.set(field.key, value);
    field.control.value = String(value);
  }

  reset() {
    for (const field of this.fields) {
      field.touched = false;
      this._follow(field, field.value);
    }
    this._apply();
    this.app.changed();
  }

  /** The setting that the sliders say. */
  _asked() {
    const input = [...this.alone.input];
    const a = structuredClone(this.alone.arguments);
    for (const field of this.fields) {
      const value = this.wanted.get(field.key);
      const [name, axis] = field.path;
      if (name === "input") input[axis] = value;
      else if (axis !== undefined) (Array.isArray(a[name]) ? a : Object.assign(a, { [name]: [...a.kernel_size] }))[name][axis] = value;
      else if (!(field.follows && value === this.wanted.get("kernel_size"))) a[name] = value;
    }
    if ("in_channels" in a) a.in_channels = input[0];
    return { op: this.alone.op, arguments: a, input };
  }

  /** Take over what the sliders say, if it can be; else say why not, and keep what is shown. */
  _apply() {
    for (const field of this.fields) field.output.textContent = field.choices ? "" : String(this.wanted.get(field.key));
    const asked = this._asked();
    this.error.textContent = "";
    if (this.fields.every((field) => this.wanted.get(field.key) === field.value)) {
      this.setting = null;
      return;
    }
    try {
      const { output, weight, macs } = shapesOf(asked);
      const cells = product(asked.input) + product(output) + (weight ? product(weight) : 0);
      const work = Math.max(macs, product(output));
      const told = (number) => number.toLocaleString("en");
      if (cells > MOST_CELLS) {
        throw new ConvMathError(this.app.words("too_many", { count: told(cells), most: told(MOST_CELLS) }));
      }
      if (work > MOST_MACS) {
        throw new ConvMathError(this.app.words("too_much", { count: told(work), most: told(MOST_MACS) }));
      }
      this.setting = asked;
    } catch (error) {
      if (!(error instanceof ConvMathError)) throw error;
      this.error.textContent = error.message;
    }
  }

  /** Values for the setting that is shown: the scene's own where they fit, else such as chance makes. */
  values() {
    const { input, arguments: a } = this.setting;
    const whole = this.alone.show.includes("values");
    const [tensor] = this.live.tensors;
    const [stage] = this.live.stages;
    const draw = (size, seed, low, high) => {
      const next = chance(seed);
      const one = whole ? () => low + Math.floor(next() * (high - low + 1)) : () => 2 * next() - 1;
      return Float64Array.from({ length: size }, one);
    };
    const equal = (one, other) => one && other && String(one) === String(other);
    const bank = bankOf(this.setting);
    const own = equal(input, this.alone.input) && tensor.values;
    const x = own ? tensor.values.data : draw(product(input), this.alone.seed + 1, 0, 9);
    const kept = equal(bank, stage.bank) && stage.weight;
    const weight = bank && (kept ? stage.weight.data : draw(product(bank), this.alone.seed + 2, -2, 2));
    const added = bank && a.bias;
    const same = added && stage.bias && stage.bias.data.length === a.out_channels;
    const bias = added ? (same ? stage.bias.data : draw(a.out_channels, this.alone.seed + 3, -2, 2)) : null;
    return { x, weight, bias };
  }

  /** What of it belongs into a link: what differs from the scene. */
  link() {
    return Object.fromEntries(
      this.fields.map((field) => {
        const value = this.wanted.get(field.key);
        return [field.key, value === field.value ? null : value];
      }),
    );
  }
}
