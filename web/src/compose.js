/**
 * A storyboard for a single operation, in the page itself: what happens follows `conv.js`; how it is laid out is a
 * plainer rule than that of `scenes/`. Input, filters and output follow each other along the picture's right, or
 * downwards in a tall one, each on as many rows as make its cells the largest; gaps, capitals and margins are those of
 * scenes. Above some hundred steps all but the first one are swept.
 */

import { bankOf, callOf, each, formulasOf, forward, kindOf, madeOf, shapesOf } from "./conv.js";
import { unravel } from "./live.js";
import { MINUS, short } from "./numerals.js";
import { filterColors, inLightness, inkOn, inputColors, outputColors } from "./palette.js";
import { ALWAYS } from "./story.js";
import { basis, onWall } from "./view.js";

const DIRECTION = [0.42, 1, -0.55];
const ITEM_GAP = 2.6;
const LANE_GAP = 1.1;
const BLOCK_GAP = 0.8;
/** Items stand farther apart where there is room, but no more than so much. */
const MORE_GAP = 5;
const CAPITAL = { title: 19, line: 12, label: 12.5, note: 12 };
const LINE_HEIGHT = 1.72;
const [SIDE, TOP, BOTTOM] = [30, 20, 18];
const COLUMN_GAP = 16;
const APPROACH = -1.5;
const [LAND, ARRIVE, SWEEP_ARRIVE] = [0.2, 0.4, 0.1];
const [MULTIPLY, SUM, WRITE] = [0.45, 0.6, 0.8];
const [SET_OUT, LANDED] = [0.5, 0.9];
const PARTIAL = 0.8;
const [TITLE_SECONDS, RESULT_SECONDS] = [0.8, 1.9];
const [FIRST_SECONDS, READING_SECONDS, READING_STEPS, LAST_SECONDS] = [2.6, 0.75, 3, 0.7];
const SLOW_SHARE = 0.55;
const BEAT_SHARE = 0.72;
const SINGLE_STEPS = 300;
const MOST_TRAVELLERS = 1024;
const MOST_LINES = 64;
const MOST_MARKS = 64;
const [APART, APART_CELLS] = [8, 2048];
const [HEIGHT, ROOM, NARROWEST, LEGIBLE] = [0.6, 0.84, 0.67, 5];
/** The page draws no more cells of a setting. */
export const MOST_CELLS = 40_000;
/** And works out no more multiply-accumulates while a slider moves. */
export const MOST_MACS = 20_000_000;

const OF = {
  kernel: "核",
  window: "窗口",
  stride: "步幅",
  padding: "填充",
  dilation: "空洞率",
  output_padding: "输出填充",
};
/** The words of these pictures. */
export const WORDS = {
  en: {
    input: "input",
    output: "output",
    filters: (n) => (n === 1 ? "1 filter" : `${n} filters`),
    kernel: (n) => `kernel ×${n}`,
    window: "window",
    axes: ["batch", "channels", "depth", "height", "width"],
    cost: (p, m) => `${p} ${p === "1" ? "parameter" : "parameters"} · ${m} ${m === "1" ? "MAC" : "MACs"}`,
    step: "step",
    of: (key, number) => `${key.replace("_", " ")} ${number}`,
  },
  zh: {
    input: "输入",
    output: "输出",
    filters: (n) => `${n} 个卷积核`,
    kernel: (n) => `卷积核 ×${n}`,
    window: "窗口",
    axes: ["批次", "通道", "深度", "高", "宽"],
    cost: (p, m) => `${p} 个参数 · ${m} 次乘加`,
    step: "步",
    of: (key, number) => `${OF[key]} ${number}`,
  },
};

const product = (shape) => shape.reduce((a, b) => a * b, 1);
const count = (number) => number.toLocaleString("en");
const packed = (data, shape = [data.length]) => ({ data, shape });
const range = (length) => Array.from({ length }, (_, i) => i);

/** (C, *spatial) as channels, rows and columns of cubes. */
export function drawnItem([channels, ...spatial]) {
  const [deep, rows, columns] = [1, 1, ...spatial].slice(-3);
  return [channels * (spatial.length === 3 ? deep : 1), rows, columns];
}

/** Into how many parts the channels fall that have nothing to do with each other. */
function groupsOf({ op, arguments: a, input }) {
  const kind = kindOf(op);
  if (kind.weighted) return a.groups;
  return !kind.move && input[0] <= APART && product(input) <= APART_CELLS ? input[0] : 1;
}

/** A tensor or a bank in its place: so many equal blocks of cubes (depth, rows, columns), with room around each. */
class Item {
  constructor(name, blocks, dims, { pad = [[0, 0], [0, 0], [0, 0]], gap = LANE_GAP, label }) {
    Object.assign(this, { name, blocks, dims, pad, gap, label });
    const view = basis(DIRECTION);
    const [d, h, w] = dims;
    const low = [-0.5 - pad[2][0], -0.5 - pad[0][0], -(h - 0.5 + pad[1][1])];
    const high = [w - 0.5 + pad[2][1], d - 0.5 + pad[0][1], 0.5 + pad[1][0]];
    const [xs, ys] = [[], []];
    for (let bits = 0; bits < 8; bits++) {
      const corner = [0, 1, 2].map((axis) => ((bits >> axis) & 1 ? high : low)[axis]);
      xs.push(corner.reduce((sum, x, i) => sum + x * view.right[i], 0));
      ys.push(corner.reduce((sum, x, i) => sum + x * view.up[i], 0));
    }
    this.box = { left: Math.min(...xs), right: Math.max(...xs), low: Math.min(...ys), high: Math.max(...ys) };
  }

  size(rows) {
    const columns = Math.ceil(this.blocks / rows);
    const wide = this.box.right - this.box.left;
    const high = this.box.high - this.box.low;
    return [columns * wide + (columns - 1) * this.gap, rows * high + (rows - 1) * this.gap];
  }

  /** Put the blocks on so many rows, the upper left corner of all at a spot of the picture's plane. */
  place(rows, x, y) {
    const columns = Math.ceil(this.blocks / rows);
    const wide = this.box.right - this.box.left + this.gap;
    const high = this.box.high - this.box.low + this.gap;
    const flat = { ...basis(DIRECTION), target: [0, 0, 0] };
    this.base = range(this.blocks).map((block) => {
      const at = [x - this.box.left + (block % columns) * wide, y - this.box.high - Math.floor(block / columns) * high];
      return onWall(flat, at);
    });
    this.marks = range(this.blocks).map((block) => [x + (block % columns) * wide, y - Math.floor(block / columns) * high]);
  }

  at(block, depth, row, column) {
    const [x, y, z] = this.base[block];
    return [x + column, y + depth, z - row];
  }
}

/**
 * @param {import("./conv.js").Setting} setting
 * @param {{x: ArrayLike<number>, weight: ArrayLike<number> | null, bias: ArrayLike<number> | null}} values
 * @param {{size: number[], fps: number, seconds: number, language: string, theme: string, surroundings: any,
 *   title: string, show: string[]}} look
 * @returns {{board: any, live: any}} as render/page.py tells them
 */
export function compose(setting, values, look) {
  return new Composer(setting, values, look).run();
}

class Composer {
  constructor(setting, values, look) {
    Object.assign(this, { setting, values, look });
    this.words = WORDS[look.language] ?? WORDS.en;
    this.kind = kindOf(setting.op);
    this.shapes = shapesOf(setting);
    this.stage = madeOf(setting);
    this.scatters = this.kind.weighted && setting.op.startsWith("ConvTranspose");
    this.axes = setting.input.length - 1;
    this.numbers = look.show.includes("values");
    this.y = forward(this.stage, values.x, values.weight, values.bias);
    this.before = drawnItem(setting.input);
    this.after = drawnItem(this.shapes.output);
    const groups = groupsOf(setting);
    const apart = this.axes === 3;
    this.groups = groups;
    this.lanesIn = apart ? setting.input[0] : groups;
    this.lanesOut = apart ? this.shapes.output[0] : groups;
    if (this.kind.move) this.lanesIn = this.lanesOut = 1;
    this.bank = bankOf(setting);
    this.grid = this.scatters ? setting.input.slice(1) : this.shapes.output.slice(1);
    this.steps = product(this.grid);
    this.windows = this._windows();
  }

  run() {
    this._layout();
    this._time();
    this._colors();
    const cells = [this._input(), ...this._ghosts(), ...this._filters(), ...this._travellers(), ...this._output()];
    const floor = Math.min(...cells.map((c) => c.position.data.reduce((low, z, i) => (i % 3 === 2 ? Math.min(low, z) : low), Infinity)));
    const { size, fps, theme, language, title } = this.look;
    const board = {
      title,
      theme,
      language,
      size,
      fps,
      frames: this.frames,
      steps: this.steps,
      step: this.step,
      cells,
      movers: this.kind.move ? [] : this._movers(),
      lines: this.kind.move || !this.look.show.includes("lines") ? [] : this._lines(),
      captions: this._captions(),
      outlines: this._outlines(),
      camera: this.camera,
      floor: floor - 0.5,
      poster: Math.round(this.settled.data[Math.floor(0.55 * (this.steps - 1))]),
      settled: this.settled,
      transparent: false,
      small: size[0] < 4 * this.camera.width,
      outline_bar: Math.max(0.035, ((0.8 * Math.min(...size)) / 480) * (this.camera.width / size[0])),
    };
    return { board, live: this._live() };
  }

  // Where windows stand

  /** Along depth, rows and columns: where the window begins at each position, its cells, their distance and padding. */
  _windows() {
    if (this.kind.move) return null;
    const spans = this.grid.map((length, axis) => {
      const positions = range(length);
      if (this.scatters) return { first: positions, counts: positions.map(() => 1), distance: 1, padding: [0, 0] };
      const a = this.setting.arguments;
      if ("kernel_size" in a) {
        const of = (value) => each(value, this.axes)[axis];
        const kernel = of(a.kernel_size);
        const distance = of(a.dilation ?? 1);
        const stride = of(a.stride ?? a.kernel_size);
        let before = typeof a.padding === "string" ? 0 : of(a.padding ?? 0);
        let after = before;
        if (a.padding === "same") {
          before = Math.floor((distance * (kernel - 1)) / 2);
          after = distance * (kernel - 1) - before;
        }
        const first = positions.map((p) => p * stride - before);
        return { first, counts: positions.map(() => kernel), distance, padding: [before, after] };
      }
      const { at, coefficient } = this.stage.axes[axis];
      const met = positions.map((p) => {
        const row = range(at.shape[1]).map((k) => p * at.shape[1] + k);
        return row.filter((i) => coefficient.data[i] !== 0 && at.data[i] >= 0).map((i) => at.data[i]);
      });
      return { first: met.map((m) => Math.min(...m)), counts: met.map((m) => m.length), distance: 1, padding: [0, 0] };
    });
    const still = { first: [0], counts: [1], distance: 1, padding: [0, 0] };
    const [rows, columns] = [still, ...spans].slice(-2);
    return { depth: spans.length === 3 ? spans[0] : null, rows, columns };
  }

  /** The position (depth, row, column) of a step. */
  _position(step) {
    return [0, 0, ...unravel(step, this.grid)].slice(-3);
  }

  // Space

  _layout() {
    const { size } = this.look;
    const page = size.map((side) => (side * 480) / Math.min(...size));
    const tall = page[0] < page[1];
    const [ci, hi, wi] = this.before;
    const [co, ho, wo] = this.after;
    const shape = (s) => s.map(count).join(" × ");
    const pad = this.windows && this.look.show.includes("ghosts") ? [this.windows.depth?.padding ?? [0, 0], this.windows.rows.padding, this.windows.columns.padding] : undefined;
    const one = (name, told) => (tall ? [`${name}  ${told}`] : [name, told]);
    this.inItem = new Item("input", this.lanesIn, [ci / this.lanesIn, hi, wi], { pad, label: one(this.words.input, shape(this.setting.input)) });
    this.outItem = new Item("output-1", this.lanesOut, [co / this.lanesOut, ho, wo], { label: one(this.words.output, shape(this.shapes.output)) });
    this.items = [this.inItem, this.outItem];
    if (this.bank) {
      const [filters, ...dims] = this.bank;
      const told = [this.setting.arguments.in_channels / this.setting.arguments.groups, ...each(this.setting.arguments.kernel_size, this.axes)];
      this.bankItem = new Item("filters-1", filters, dims, { gap: BLOCK_GAP, label: one(this.words.filters(filters), shape(told)) });
      this.items.splice(1, 0, this.bankItem);
    }
    this.page = page;
    this.tall = tall;
    const table = this._tableRows();
    const line = CAPITAL.note * LINE_HEIGHT;
    const beside = tall || !this.look.show.includes("table") ? 0 : this._columns(table).reduce((a, b) => a + b, 0);
    this.calls = broken(callOf(this.setting), (page[0] - 2 * SIDE - beside - COLUMN_GAP) / CAPITAL.line);
    const heading = (CAPITAL.title + this.calls.length * CAPITAL.line) * LINE_HEIGHT;
    const tableHigh = this.look.show.includes("table") ? table.length * line : 0;
    this.formulas = this.look.show.includes("formula") ? formulasOf(this.setting, this.words.of) : [];
    const top = TOP + 8 + (tall ? heading + tableHigh + 8 : Math.max(heading, tableHigh));
    const footer = tall ? this.formulas.length + 2 : Math.max(this.formulas.length, 2);
    const bottom = BOTTOM + footer * line + 6;
    const labels = this.items[0].label.length * CAPITAL.label * LINE_HEIGHT + 4;
    const wide = page[0] - 2 * SIDE;
    const high = page[1] - top - bottom;
    const options = this.items.map((item) => range(Math.min(item.blocks, 16)).map((r) => r + 1));
    let best = null;
    for (const rows of combinations(options)) {
      const sizes = this.items.map((item, i) => item.size(rows[i]));
      const gaps = ITEM_GAP * (sizes.length - 1);
      const along = sizes.reduce((sum, s) => sum + s[tall ? 1 : 0], 0) + gaps;
      const across = Math.max(...sizes.map((s) => s[tall ? 0 : 1]));
      const room = tall ? [high - labels * sizes.length, wide] : [wide, high - labels];
      const pixel = Math.max(along / Math.max(room[0], 40), across / Math.max(room[1], 40));
      if (!best || pixel < best.pixel - 1e-9) best = { rows, sizes, pixel, along, across };
    }
    const { rows, sizes, pixel, along } = best;
    this.pixel = pixel;
    const room = (tall ? high - labels * sizes.length : wide) * pixel;
    const spare = Math.min((room - along) / sizes.length, MORE_GAP);
    const gap = ITEM_GAP + Math.max(0, spare);
    const whole = along + Math.max(0, spare) * (sizes.length - 1);
    const middle = ((bottom - top) / 2) * pixel; // of the room, seen from the picture's
    this.labels = [];
    if (tall) {
      let y = middle + (whole + labels * pixel * sizes.length) / 2;
      this.items.forEach((item, i) => {
        item.place(rows[i], -sizes[i][0] / 2, y);
        y -= sizes[i][1];
        this.labels.push([0, y]);
        y -= gap + labels * pixel;
      });
    } else {
      let x = -whole / 2;
      const lowest = middle - best.across / 2 + (labels * pixel) / 2;
      this.items.forEach((item, i) => {
        item.place(rows[i], x, middle + (labels * pixel) / 2 + sizes[i][1] / 2);
        this.labels.push([x + sizes[i][0] / 2, lowest]);
        x += sizes[i][0] + gap;
      });
    }
    this.camera = {
      direction: DIRECTION,
      target: [0, 0, 0],
      width: page[0] * pixel,
      height: page[1] * pixel,
      travel: null,
      band: null,
      distance: null,
      turn: null,
      band_from: 1,
    };
  }

  // Time

  _time() {
    const { fps, seconds } = this.look;
    this.frames = Math.max(2, Math.round(seconds * fps));
    const first = 1 + Math.round(Math.min(TITLE_SECONDS * fps, 0.1 * this.frames));
    const last = this.frames - Math.round(Math.min(RESULT_SECONDS * fps, 0.15 * this.frames));
    const room = last - first;
    this.swept = this.steps > Math.min(SINGLE_STEPS, Math.floor(BEAT_SHARE * this.frames));
    const sizes = this.swept ? [1, this.steps - 1] : range(this.steps).map(() => 1);
    const slow = sizes.map((_, i) => {
      if (i === 0) return FIRST_SECONDS;
      if (this.swept) return 0;
      if (i <= READING_STEPS && sizes.length > READING_STEPS + 2) return READING_SECONDS;
      return i === sizes.length - 1 ? LAST_SECONDS : 0;
    });
    const told = slow.reduce((a, b) => a + b, 0) * fps;
    const others = slow.filter((s) => s === 0).length;
    const shrink = others ? Math.min(1, (SLOW_SHARE * room) / told) : room / told;
    const rest = others ? (room - told * shrink) / others : 0;
    const bounds = [first];
    slow.forEach((s) => bounds.push(bounds.at(-1) + (s ? s * fps * shrink : rest)));
    bounds[bounds.length - 1] = last;
    this.bounds = bounds;
    let done = 0;
    const steps = [0, ...sizes.map((s) => (done += s))];
    this.step = track(bounds, steps.map((s) => [s]), "linear");
    this.settled = packed(
      Float64Array.from({ length: this.steps }, (_, t) => {
        if (!this.swept || t === 0) return bounds[t + 1];
        return bounds[1] + ((last - bounds[1]) * t) / (this.steps - 1);
      }),
    );
  }

  /** Keys of something that stands where a step says: it sets out when a step begins, and waits there. */
  _follow(stands, approach) {
    const frames = [];
    const values = [];
    const eases = [];
    const key = (frame, value, ease) => {
      if (frames.length && frame <= frames.at(-1)) return;
      frames.push(frame);
      values.push(value);
      eases.push(ease);
    };
    const first = stands(0);
    key(this.bounds[0], first.map((x, i) => x + (i === 1 ? approach : 0)), "cubic");
    const single = this.swept ? 1 : this.steps;
    for (let step = 0; step < single; step++) {
      const [begin, end] = [this.bounds[step], this.bounds[step + 1]];
      if (step) key(begin, stands(step - 1), "cubic");
      key(begin + (step ? ARRIVE : LAND) * (end - begin), stands(step), "constant");
    }
    if (this.swept) {
      const [begin, end] = [this.bounds[1], this.bounds[2]];
      const at = (step) => begin + ((end - begin) * (step - 1)) / (this.steps - 1);
      const row = this.grid.at(-1);
      const every = Math.max(1, Math.ceil((4 * this.steps) / row / (end - begin))); // rows that it goes along
      key(begin, stands(0), "linear");
      for (let from = 0; from < this.steps; from += row * every) {
        const start = Math.max(from, 1);
        const stop = Math.min(from + row * every, this.steps) - 1;
        const along = Math.floor(stop / row) * row;
        key(at(start) + SWEEP_ARRIVE * (at(start + 1) - at(start)), stands(Math.max(along, 1)), "linear");
        key(at(stop + 1), stands(stop), "linear");
      }
    }
    return track(frames, values, eases);
  }

  _arrival(step) {
    if (this.swept && step > 0) return [step, step + 1];
    return step === 0 && !this.kind.move ? [WRITE, 1] : [step + SET_OUT, step + LANDED];
  }

  // Colours

  _colors() {
    const { input, arguments: a } = this.setting;
    this.inColors = inputColors(input[0], this.kind.move && "groups" in a ? a.groups : this.groups);
    this.outColors = this.kind.weighted ? outputColors(a.out_channels, this.groups) : null;
    const tint = (values) => (this.numbers && values ? inLightness(Array.from(values)) : (color) => color);
    this.inTint = tint(this.values.x);
    this.weightTint = tint(this.values.weight);
    this.outTint = tint(this.y);
  }

  _inColor(flat) {
    return this.inTint(this.inColors[Math.floor(flat / product(this.setting.input.slice(1)))], this.values.x[flat]);
  }

  _outColor(flat) {
    const channel = Math.floor(flat / product(this.shapes.output.slice(1)));
    if (this.outColors) return this.outTint(this.outColors[channel], this.y[flat]);
    if (this.kind.move) {
      const from = this.stage.input.data[flat];
      return from < 0 ? this.look.surroundings.ghost : this._inColor(from);
    }
    return this.outTint(this.inColors[channel], this.y[flat]);
  }

  // Cells

  /** Where a drawn cell (channel, row, column) of a tensor stands. */
  _spot(item, lanes, shape, [c, h, w]) {
    const per = shape[0] / lanes;
    return item.at(Math.floor(c / per), c % per, h, w);
  }

  _input() {
    const cells = range(product(this.before)).map((flat) => unravel(flat, this.before));
    const per = this.before[0] / this.lanesIn;
    return made("input", "input", this.before, cells, {
      position: cells.map((at) => this._spot(this.inItem, this.lanesIn, this.before, at)),
      color: cells.map((_, flat) => this._inColor(flat)),
      anchor: cells.map(([c, h, w]) => this.inItem.at(0, c % per, h, w)),
      lit_by: this.kind.move ? null : "window-1",
      numbers: this._numbers(this.values.x, cells.map((_, flat) => this._inColor(flat)), cells.map(([c]) => c % per === 0)),
    });
  }

  _ghosts() {
    if (!this.windows || !this.look.show.includes("ghosts")) return [];
    const [deep, rows, columns] = this.inItem.pad;
    if (![deep, rows, columns].flat().some(Boolean)) return [];
    const [depth, height, width] = this.inItem.dims;
    const [index, position] = [[], []];
    for (let lane = 0; lane < this.lanesIn; lane++)
      for (let d = -deep[0]; d < depth + deep[1]; d++)
        for (let h = -rows[0]; h < height + rows[1]; h++)
          for (let w = -columns[0]; w < width + columns[1]; w++) {
            if (d >= 0 && d < depth && h >= 0 && h < height && w >= 0 && w < width) continue;
            index.push([lane * depth + Math.min(Math.max(d, 0), depth - 1), h, w]);
            position.push(this.inItem.at(lane, d, h, w));
          }
    const color = position.map(() => this.look.surroundings.ghost);
    return [made("ghosts-input", "ghost", this.before, index, { position, color })];
  }

  _filters() {
    if (!this.bank) return [];
    const cells = range(product(this.bank)).map((flat) => unravel(flat, this.bank));
    const colors = filterColors(this.bank[0], this.bank[1], this.groups);
    const color = cells.map(([f, c], flat) => this.weightTint(colors[f][c], this.values.weight[flat]));
    const numbers = this._numbers(this.values.weight, color, cells.map(([, c]) => c === 0));
    const position = cells.map(([f, c, h, w]) => this.bankItem.at(f, c, h, w));
    return [made("filters-1", "filter", this.bank, cells, { position, color, numbers })];
  }

  /** Where a filter's results come out: on its far side, from which its line leads to them. */
  _mouth(filter) {
    const [depth, h, w] = this.bankItem.dims;
    const [x, y, z] = this.bankItem.base[filter];
    return [x + w - 0.5, y + depth - 1, z - (h - 1) / 2];
  }

  /** Copies of the first window's cells: to their weights, then together into one cell per filter. */
  _travellers() {
    if (!this.bank || this.scatters) return [];
    const positions = product(this.grid);
    const filters = this.bank[0];
    const perFilter = product(this.bank.slice(1));
    if (filters * perFilter > MOST_TRAVELLERS) return [];
    const [position, origin, via, color, becomes, index] = [[], [], [], [], [], []];
    const { depth, rows, columns } = this.windows;
    const [slices, kh, kw] = this.bank.slice(1);
    const fanIn = this.stage.fan_in;
    const perGroup = filters / this.groups;
    const kd = slices / fanIn;
    for (let f = 0; f < filters; f++)
      for (let c = 0; c < fanIn; c++)
        for (let d = 0; d < kd; d++)
          for (let i = 0; i < kh; i++)
            for (let j = 0; j < kw; j++) {
              const channel = Math.floor(f / perGroup) * fanIn + c;
              const z = depth ? depth.first[0] + d * depth.distance : 0;
              const [h, w] = [rows.first[0] + i * rows.distance, columns.first[0] + j * columns.distance];
              const deep = this.before[0] / this.setting.input[0];
              const per = this.before[0] / this.lanesIn;
              const at = channel * deep;
              const inside = z >= 0 && z < deep && h >= 0 && h < this.before[1] && w >= 0 && w < this.before[2];
              const flat = ((at + z) * this.before[1] + h) * this.before[2] + w;
              const weight = this.bankItem.at(f, c * kd + d, i, j);
              origin.push(this.inItem.at(Math.floor(at / per), (at % per) + z, h, w));
              via.push(weight);
              position.push(this._mouth(f));
              color.push(inside ? this._inColor(flat) : [0.6, 0.61, 0.63]);
              becomes.push(this._outColor(f * positions));
              index.push([Math.min(Math.max(at + z, 0), this.before[0] - 1), h, w]);
            }
    const many = position.map(() => LAND);
    const arrive = position.map(() => WRITE);
    const rest = [MULTIPLY, SUM];
    return [made("travellers-1", "traveller", this.before, index, { position, color, origin, via, becomes, start: many, arrive, rest, end: WRITE })];
  }

  _output() {
    const cells = range(product(this.after)).map((flat) => unravel(flat, this.after));
    const position = cells.map((at) => this._spot(this.outItem, this.lanesOut, this.after, at));
    const color = cells.map((_, flat) => this._outColor(flat));
    const positions = product(this.shapes.output.slice(1));
    const per = this.after[0] / this.lanesOut;
    const front = cells.map(([c]) => c % per === 0);
    if (this.scatters) return this._scattered(cells, position, color, front);
    const times = cells.map((_, flat) => this._arrival(flat % positions));
    const moved = this.kind.move ? this.stage.input.data : null;
    const origin = cells.map((at, flat) => {
      if (moved) return moved[flat] < 0 ? position[flat] : this._spot(this.inItem, this.lanesIn, this.before, unravel(moved[flat], this.before));
      if (this.bank) return this._mouth(Math.floor(flat / positions));
      return this._center(flat);
    });
    const shared = { start: times.map(([s]) => s), arrive: times.map(([, a]) => a) };
    const of = (rows) => {
      const pick = (list) => rows.map((row) => list[row]);
      const numbers = this._numbers(pick([...this.y]), pick(color), pick(front));
      return { position: pick(position), color: pick(color), origin: pick(origin), start: pick(shared.start), arrive: pick(shared.arrive), numbers };
    };
    const known = range(cells.length).filter((flat) => !moved || moved[flat] >= 0);
    const zeros = range(cells.length).filter((flat) => moved && moved[flat] < 0);
    const found = [made("output-1", "output", this.after, known.map((flat) => cells[flat]), of(known))];
    if (zeros.length) {
      const ghosts = { ...of(zeros), numbers: [], color: zeros.map(() => this.look.surroundings.ghost) };
      found.push(made("zeros-output-1", "ghost", this.after, zeros.map((flat) => cells[flat]), ghosts));
    }
    return found;
  }

  /** In the middle of all that a pool's output cell reads. */
  _center(flat) {
    const positions = product(this.shapes.output.slice(1));
    const channel = Math.floor(flat / positions);
    const deep = this.before[0] / this.setting.input[0];
    const per = this.before[0] / this.lanesIn;
    const [z, h, w] = this._position(flat % positions);
    const middle = (span, p) => (span ? span.first[p] + (span.distance * (span.counts[p] - 1)) / 2 : 0);
    const at = channel * deep;
    const { depth, rows, columns } = this.windows;
    return this.inItem.at(Math.floor(at / per), (at % per) + middle(depth, z), middle(rows, h), middle(columns, w));
  }

  /** Cells to which several steps add: small from the first of them on, whole after the last one. */
  _scattered(cells, position, color, front) {
    const spatial = this.setting.input.slice(1);
    const out = this.shapes.output.slice(1);
    const positions = product(out);
    const first = new Float64Array(positions).fill(Infinity);
    const last = new Float64Array(positions).fill(-1);
    for (let place = 0; place < positions; place++) {
      let steps = [0];
      unravel(place, out).forEach((p, axis) => {
        const { at } = this.stage.axes[axis];
        const met = range(at.shape[1]).map((k) => at.data[p * at.shape[1] + k]).filter((cell) => cell >= 0);
        steps = steps.flatMap((step) => met.map((cell) => step * spatial[axis] + cell));
      });
      for (const step of steps) {
        first[place] = Math.min(first[place], step);
        last[place] = Math.max(last[place], step);
      }
    }
    const times = (step) => (step < 0 || step === Infinity ? [ALWAYS + 0.5, ALWAYS + 0.6] : this._arrival(step));
    const done = cells.map((_, flat) => times(last[flat % positions]));
    const begun = cells.map((_, flat) => times(first[flat % positions]));
    const mouths = cells.map((_, flat) => this._mouth(Math.floor(flat / positions)));
    const twice = range(cells.length).filter((flat) => first[flat % positions] < last[flat % positions]);
    const pick = (list) => twice.map((row) => list[row]);
    const partial = {
      position: pick(position),
      color: twice.map((flat) => this.outColors[Math.floor(flat / positions)]), // what it will be is not told yet
      origin: pick(mouths),
      start: pick(begun).map(([s]) => s),
      arrive: pick(begun).map(([, a]) => a),
      scale: PARTIAL,
    };
    const whole = {
      position,
      color,
      origin: cells.map((_, flat) => (first[flat % positions] < last[flat % positions] ? position[flat] : mouths[flat])),
      start: done.map(([s]) => s),
      arrive: done.map(([, a]) => a),
      numbers: this._numbers(this.y, color, front),
    };
    const found = [made("output-1", "output", this.after, cells, whole)];
    if (twice.length) found.push(made("output-1-partial-1", "output", this.after, twice.map((flat) => cells[flat]), partial));
    return found;
  }

  /** What is written on cells, none where it could not be read. */
  _numbers(values, color, front) {
    if (!this.numbers || !values) return [];
    const cell = range(values.length).filter((i) => front[i] && Number.isFinite(values[i]));
    if (!cell.length) return [];
    const wide = cell.map((i) => textWidth(short(values[i])));
    const size = Math.min(HEIGHT, ROOM / (NARROWEST * wide.reduce((most, each) => Math.max(most, each))));
    const pixels = this.look.size[0] / this.camera.width;
    if (size * pixels < LEGIBLE) return [];
    const { face } = this.look.surroundings;
    const ink = cell.flatMap((i) => inkOn(color[i].map((x) => x * face)));
    return [
      {
        cell: packed(Int32Array.from(cell)),
        value: packed(Float64Array.from(cell, (i) => values[i])),
        color: packed(new Float32Array(ink), [cell.length, 3]),
        size,
        first: ALWAYS,
        last: null,
        until: null,
        narrow: packed(Float32Array.from(wide, (each) => Math.min(1, ROOM / (size * each)))),
      },
    ];
  }

  _outlines() {
    const { base, dims } = this.outItem;
    const [d, h, w] = dims;
    return base.map(([x, y, z]) => ({ center: [x + (w - 1) / 2, y + (d - 1) / 2, z - (h - 1) / 2], size: [w, d, h] }));
  }

  // What goes along with the steps

  _movers() {
    const { depth, rows, columns } = this.windows;
    const most = (span) => Math.max(...span.counts);
    const deep = depth ? most(depth) : this.inItem.dims[0];
    const counts = [most(columns), deep, most(rows)];
    const spacing = [columns.distance, depth ? depth.distance : 1, -rows.distance];
    const stands = (step) => {
      const [z, h, w] = this._position(step);
      return this.inItem.at(0, depth ? depth.first[z] : 0, rows.first[h], columns.first[w]);
    };
    const changes = [rows, columns, ...(depth ? [depth] : [])].some((s) => new Set(s.counts).size > 1);
    const touched = (step) => {
      const [z, h, w] = this._position(step);
      return [columns.counts[w], depth ? depth.counts[z] : deep, rows.counts[h]];
    };
    const lanes = this.inItem.base.map((base) => base.map((x, i) => x - this.inItem.base[0][i]));
    const first = Math.floor(this.bounds[0]) + 1;
    const last = Math.floor(this.bounds.at(-1));
    const window = {
      ...mover("window-1", this._follow(stands, APPROACH), first, last, counts, spacing, lanes),
      taps: changes ? this._follow(touched, 0) : null,
      opens: depth !== null && new Set(depth.first).size > 1,
    };
    return [window, this._head(first, last)];
  }

  /** Where is written: the cell of the first filter, or the window over which a cell is spread. */
  _head(first, last) {
    if (!this.scatters) {
      const stands = (step) => this._spot(this.outItem, this.lanesOut, this.after, this._position(step));
      return { ...mover("head-1", this._follow(stands, 0), first, last, [1, 1, 1], [1, 1, -1], []) };
    }
    const a = this.setting.arguments;
    const of = (value) => each(value, this.axes);
    const [kernel, stride, dilation] = [a.kernel_size, a.stride, a.dilation].map((v) => [1, 1, ...of(v)].slice(-3));
    const cut = [0, 0, ...of(a.padding)].slice(-3);
    const stands = (step) => {
      const [z, h, w] = this._position(step);
      return this.outItem.at(0, z * stride[0] - cut[0], h * stride[1] - cut[1], w * stride[2] - cut[2]);
    };
    const deep = this.axes === 3 ? kernel[0] : this.outItem.dims[0];
    const counts = [kernel[2], deep, kernel[1]];
    const spacing = [dilation[2], this.axes === 3 ? dilation[0] : 1, -dilation[1]];
    const lanes = this.outItem.base.map((base) => base.map((x, i) => x - this.outItem.base[0][i]));
    return mover("head-1", this._follow(stands, 0), first, last, counts, spacing, lanes);
  }

  _lines() {
    const { line } = this.look.surroundings;
    const [window, head] = this._movers();
    const right = window.boxes.map(([center, size]) => [0.5, -0.5].map((up) => [center[0] + size[0] / 2, center[1] - size[1] / 2, center[2] + up * size[2]]));
    const lines = [];
    const filters = this.bank ? this.bank[0] : 0;
    const middle = head.boxes.length ? head.boxes[0][0] : [0, 0, 0];
    const to = (channel) => {
      const per = this.after[0] / this.lanesOut;
      const deep = this.after[0] / this.shapes.output[0];
      const at = channel * deep;
      const lane = this.outItem.base[Math.floor(at / per)];
      const shift = lane.map((x, i) => x - this.outItem.base[0][i]);
      return [shift[0] + middle[0], shift[1] + (this.scatters ? middle[1] : at % per), shift[2] + middle[2]];
    };
    if (this.bank) {
      const perGroup = filters / this.groups;
      const [, h] = this.bankItem.dims;
      right.slice(0, MOST_LINES).forEach((corners, lane) => {
        const group = Math.min(Math.floor((lane * this.groups) / right.length), this.groups - 1);
        const [x, y, z] = this.bankItem.base[group * perGroup];
        corners.forEach((start, low) => {
          lines.push({ start, start_on: "window-1", end: [x - 0.5, y - 0.5, z + 0.5 - low * h], end_on: null, color: line });
        });
      });
      for (let f = 0; f < Math.min(filters, MOST_LINES); f++) {
        lines.push({ start: this._mouth(f), start_on: null, end: to(f), end_on: "head-1", color: this.outColors[f] });
      }
    } else {
      const per = this.setting.input[0] / right.length;
      right.slice(0, MOST_LINES).forEach((corners, lane) =>
        corners.forEach((start) => {
          lines.push({ start, start_on: "window-1", end: to(lane * per), end_on: "head-1", color: this.inColors[lane * per] });
        }),
      );
    }
    return [{ name: "lines-1-1", lines, first: 0, last: this.steps, over_cells: null, radius: 0.036 }];
  }

  // Words

  _tableRows() {
    const { input, arguments: a } = this.setting;
    const names = [this.words.axes[0], this.words.axes[1], ...this.words.axes.slice(5 - (input.length - 1))];
    const rows = [["", names]];
    const line = (name, shape, batch) => rows.push([name, [batch, ...shape.map(String)]]);
    line(this.words.input, input, "1");
    if (this.bank) line(this.words.kernel(this.bank[0]), [a.in_channels / a.groups, ...each(a.kernel_size, this.axes)], "");
    else if ("kernel_size" in a) line(this.words.window, ["", ...each(a.kernel_size, this.axes)], "");
    line(this.words.output, this.shapes.output, "1");
    return rows;
  }

  /** Widths of the table's columns, that of the names last. */
  _columns(rows) {
    const columns = rows[0][1].map((_, c) => rows.map(([, cells]) => cells[c] ?? ""));
    columns.push(rows.map(([name]) => name));
    return columns.map((texts) => Math.max(...texts.map(wordWidth)) * CAPITAL.note + COLUMN_GAP);
  }

  _captions() {
    const { text, faint_text: faint } = this.look.surroundings;
    const pixel = this.pixel;
    const [width, height] = this.page;
    const found = [];
    const put = (name, body, size, x, y, align, color, more = {}) =>
      found.push({ name, body, at: [x * pixel, y * pixel], size: size * pixel, align, color, first: 1, last: this.frames, first_step: 0, steps: 0, in_world: false, anchor: null, halo: 0, ...more });
    const left = SIDE - width / 2;
    const right = width / 2 - SIDE;
    const line = CAPITAL.note * LINE_HEIGHT;
    const top = height / 2 - TOP;
    put("title", this.look.title, CAPITAL.title, left, top - CAPITAL.title, "left", text);
    let y = top - CAPITAL.title - CAPITAL.line * LINE_HEIGHT;
    this.calls.forEach((call, i) => {
      put(`call-1${i ? `-${i + 1}` : ""}`, call, CAPITAL.line, left, y, "left", faint);
      y -= CAPITAL.line * LINE_HEIGHT;
    });
    if (this.look.show.includes("table")) {
      const rows = this._tableRows();
      const widths = this._columns(rows);
      const begin = this.tall ? y - 8 + CAPITAL.note * 0.2 : top - CAPITAL.note;
      rows.forEach(([name, cells], r) => {
        let x = right;
        for (let c = cells.length - 1; c >= 0; c--) {
          if (cells[c]) put(`table-1-${r}-${c}`, cells[c], CAPITAL.note, x, begin - r * line, "right", r ? text : faint);
          x -= widths[c];
        }
        if (name) put(`table-1-${r}`, name, CAPITAL.note, x, begin - r * line, "right", faint);
      });
    }
    const low = BOTTOM - height / 2;
    const cost = this.words.cost(count(this.shapes.parameters), count(this.shapes.macs));
    const lift = this.tall ? 2 : 0;
    put("cost-1", cost, CAPITAL.note, this.tall ? left : right, low + (this.tall ? line : 0), this.tall ? "left" : "right", text);
    const total = `{step} / ${count(this.steps)}`;
    const counter = low + (this.tall ? 0 : line);
    const wide = wordWidth(total.replace("{step}", count(this.steps))) * CAPITAL.note;
    put("step-1", total, CAPITAL.note, right, counter, "right", text, { steps: this.steps });
    put("step-name-1", this.words.step, CAPITAL.note, right - wide - 4, counter, "right", text);
    const formulas = [...this.formulas].reverse();
    formulas.forEach((formula, i) => put(`formula-1-${i + 1}`, formula, CAPITAL.note, left, low + (i + lift) * line, "left", text));
    const halo = CAPITAL.label * 0.16 * pixel;
    this.items.forEach((item, i) => {
      const [x, at] = this.labels[i];
      item.label.forEach((told, k) => {
        const down = CAPITAL.label * (1.3 + k * LINE_HEIGHT);
        put(`label-${item.name}-${k + 1}`, told, CAPITAL.label, x / pixel, at / pixel - down, "center", text, { halo });
      });
    });
    if (this.bankItem && this.bank[0] > 1 && this.bank[0] <= MOST_MARKS) {
      this.bankItem.marks.forEach(([x, at], f) =>
        put(`mark-filters-1-${f + 1}`, String(f + 1), CAPITAL.label, x / pixel + 2, at / pixel - CAPITAL.label, "right", text, { halo }),
      );
    }
    return found;
  }

  _live() {
    const f32 = (values) => (values ? packed(Float32Array.from(values)) : null);
    const tensor = (cells, shape, told, values) => ({ cells, shape, told, batched: false, values: f32(values) });
    const stage = { ...this.stage, filters: this.bank ? "filters-1" : null, weight: f32(this.values.weight), bias: f32(this.values.bias), formula: "" };
    const { input } = this.setting;
    return {
      tensors: [tensor("input", this.before, input, this.values.x), tensor("output-1", this.after, this.shapes.output, this.y)],
      stages: [stage],
    };
  }
}

function combinations([first, ...others]) {
  if (!first) return [[]];
  return first.flatMap((value) => combinations(others).map((rest) => [value, ...rest]));
}

function track(frames, values, eases) {
  return {
    frames: packed(Float64Array.from(frames)),
    values: packed(Float64Array.from(values.flat()), [values.length, values[0].length]),
    eases: typeof eases === "string" ? frames.map(() => eases) : eases,
  };
}

/** A window of so many cells (x, y, z), so far apart, with a box at each of these places. */
function mover(name, way, first, last, counts, spacing, lanes) {
  const size = counts.map((n, i) => (n - 1) * Math.abs(spacing[i]) + 1);
  const middle = size.map((s, i) => ((s - 1) / 2) * Math.sign(spacing[i]));
  const boxes = lanes.map((lane) => [lane.map((x, i) => x + middle[i]), size]);
  const apart = counts.map((n, i) => n > 1 && Math.abs(spacing[i]) > 1);
  const parts = [];
  if (apart.some(Boolean)) {
    const own = counts.map((n, i) => (apart[i] ? 1 : n));
    const taps = counts.map((n, i) => (apart[i] ? n : 1));
    for (const lane of lanes)
      for (let tap = 0; tap < product(taps); tap++) {
        const at = unravel(tap, taps);
        parts.push([lane.map((x, i) => x + at[i] * spacing[i] + ((own[i] - 1) / 2) * Math.sign(spacing[i])), own]);
      }
  }
  return { name, track: way, first, last, boxes, counts, spacing, taps: null, parts, bar: 0.09, opens: false };
}

/** Cells as a storyboard has them; what is not given is as of cells that stand still from the first frame on. */
function made(name, role, shape, index, { position, color, anchor, origin, start, arrive, via, becomes, ...more }) {
  const floats = (rows) => packed(new Float32Array(rows.flat()), [rows.length, 3]);
  const begin = start ?? position.map(() => ALWAYS);
  const place = floats(position);
  return {
    name,
    role,
    shape,
    index: packed(Int32Array.from(index.flat()), [index.length, shape.length]),
    position: place,
    color: floats(color),
    origin: origin ? floats(origin) : place,
    start: packed(new Float32Array(begin)),
    arrive: packed(new Float32Array(arrive ?? begin)),
    anchor: anchor ? floats(anchor) : place,
    lit_by: null,
    via: via ? floats(via) : null,
    bow: null,
    becomes: becomes ? floats(becomes) : null,
    rest: [0, 0],
    swells: 1,
    end: null,
    scale: 1,
    extent: null,
    numbers: [],
    ...more,
  };
}

/** How wide a number is at most, in heights of a digit. */
const textWidth = (text) => [...text].reduce((sum, c) => sum + ({ ".": 0.38, [MINUS]: 0.46, e: 0.79 }[c] ?? 0.81), 0);

/** How wide words are at most, in capitals. */
function wordWidth(text) {
  return [...text].reduce((sum, c) => sum + (/[⺀-鿿＀-￯]/.test(c) ? 1.75 : /[ ijl'!,.:;·()Itf/]/.test(c) ? 0.55 : 0.85), 0);
}

/** A call on several lines, broken after commas. */
function broken(call, width) {
  const lines = [""];
  for (const part of call.split(/(?<=, )/)) {
    if (lines.at(-1).trim() && wordWidth(lines.at(-1) + part.trimEnd()) > width) lines.push("    ");
    lines[lines.length - 1] += part;
  }
  return lines.map((each) => each.trimEnd());
}
