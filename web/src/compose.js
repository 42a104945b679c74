/**
 * A storyboard for a single operation, in the page itself: what happens follows `conv.js`; how it is laid out is a
 * plainer rule than that of `scenes/`. Input, filters and output follow each other along the picture's right, or
 * downwards in a tall one, each on as many rows as make its cells the largest; gaps, capitals and margins are those of
 * scenes. What is there, when, and in which colours and words, is as a film of the setting has it.
 */

import { bankOf, callOf, each, formulasOf, forward, kindOf, madeOf, shapesOf, sourceOf } from "./conv.js";
import { narrated } from "./arithmetic.js";
import { ravel, tapsOf, unravel } from "./live.js";
import { MINUS, rougher, short, told } from "./numerals.js";
import { LAND, READING_STEPS, STROKE, beatsOf, paceOf, settledOf, strokesOf } from "./pacing.js";
import { CUBE, PLAIN_FACE } from "./form.js";
import { filterColors, inLightness, inkOn, inputColors, outputColors } from "./palette.js";
import { Phrases, count, textWidth } from "./phrases.js";
import { ripened } from "./pose.js";
import { ALWAYS } from "./story.js";
import { UNTOLD, swerve } from "./swerve.js";
import { add, basis, dot, onWall, scaled, subtract } from "./view.js";

const DIRECTION = [0.42, 1, -0.55];
const ITEM_GAP = 2.6;
const LANE_GAP = 1.1;
const BLOCK_GAP = 0.8;
const SLICE_GAP = 0.25;
/** Between a filter and its bias, and how far left of the middle of that the plus is, and reaches, and how thick it is. */
const [PLUS_GAP, PLUS_BACK, PLUS, PLUS_RADIUS] = [1.1, 0.2, 0.25, 0.05];
/** Items stand farther apart where there is room, but no more than so much. */
const MORE_GAP = 5;
const CAPITAL = { title: 19, line: 12, label: 12.5, note: 12 };
const LINE_HEIGHT = 1.72;
const [SIDE, TOP, BOTTOM] = [30, 20, 18];
const COLUMN_GAP = 16;
/** Marks of so many capitals are numbers, which stand beside a block's corner. */
const NUMBERED = 2.5;
/** Around it nothing of what passes behind is seen, in capitals. */
const HALO = 0.16;
/** How far words reach above and below their line, in capitals. */
const [ASCENT, DESCENT] = [1.08, 0.36];
/** Filters are opened where that leaves cells no smaller than this share; channels numbered where they are no smaller than
 * this one or so large in reference pixels. */
const [ROOMY, FOLLOWED, LARGE_CELL] = [0.9, 0.6, 12];
const ROUNDS = 3;
const APPROACH = -1.5;
const [MULTIPLY, SUM, WRITE] = [0.36, 0.63, 0.8];
const [BIASED, BIAS] = [[0.34, 0.52, 0.6], 0.68];
const [SET_OUT, LANDED] = [0.5, 0.9];
const DEEP = 0.22;
/** In less time not even a word can be read. */
const WORD_SECONDS = 0.1;
/** In less time it cannot be told how lightness follows values. */
const SCALE_SECONDS = 1;
const [PARTIAL, GROWN, COPIED] = [0.8, 0.96, 0.8];
const [MOST_SUMS, MOST_PRODUCTS, FLIGHT, FEWEST_PIXELS] = [15, 2 ** 20, 0.06, 4];
const EMPTY = [0.6, 0.61, 0.63];
const FAINT = 0.6;
const [BETWEEN, NOTE_SHARE, LISTED] = [1.5, 0.7, 6];
const MOST_TRAVELLERS = 4096;
const MOST_LINES = 64;
/** How far the frame around several filters is from them, and how far above each other lines pass others, in reference
 * pixels. */
const [AROUND, PASSES] = [4, 4];
const [FULL_LINES, ARC_PIECES] = [2, 4];
const [MOST_FRAMED, FRAMED, OUTLINED, FRAME_RADIUS] = [64, 0.86, 1.04, 0.055];
const SIDES = { upper: 0.5, middle: 0, lower: -0.5 };
const MOST_MARKS = 64;
const [APART, APART_CELLS] = [8, 2048];
const [HEIGHT, ROOM, NARROWEST, LEGIBLE, NARROW, POINTED, SMALL] = [0.6, 0.84, 0.67, 5, 4.5, 5.8, 12];
/** The page draws no more cells of a setting. */
export const MOST_CELLS = 40_000;
/** And works out no more multiply-accumulates while a slider moves. */
export const MOST_MACS = 20_000_000;

const product = (shape) => shape.reduce((a, b) => a * b, 1);
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
  const still = "kernel_size" in a && [a.kernel_size, a.stride ?? a.kernel_size].flat().every((n) => n === 1);
  return !kind.move && !still && input[0] <= APART && product(input) <= APART_CELLS ? input[0] : 1;
}

/** A tensor or a bank in its place: so many equal blocks of cubes (depth, rows, columns), with room around each. */
class Item {
  constructor(name, blocks, dims, { pad = [[0, 0], [0, 0], [0, 0]], gap = LANE_GAP, label, marks = [], numbers = [] }) {
    Object.assign(this, { name, blocks, dims, pad, label, numbers, given: { marks, gap } });
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
    this.bare = { left: Math.min(...xs), right: Math.max(...xs), low: Math.min(...ys), high: Math.max(...ys) };
    this.mark(false);
  }

  /** The same, the channels of a block side by side. */
  opened() {
    const [channels, rows, columns] = this.dims;
    const { name, blocks, pad, label, numbers, given } = this;
    const wide = [1, rows, channels * columns + (channels - 1) * SLICE_GAP];
    return Object.assign(new Item(name, blocks, wide, { pad, label, numbers, ...given }), { slice: columns + SLICE_GAP });
  }

  /** Whether to number its blocks, if they may be: nothing else is kept of where marks were. */
  mark(numbered) {
    Object.assign(this, this.given, { box: this.bare }, numbered && this.numbers.length ? { marks: this.numbers } : {});
    /** How wide the marks of blocks are, in capitals; longer ones than numbers stand above these. */
    this.marked = Math.max(0, ...this.marks.map(textWidth));
    this.marksAbove = this.marked > NUMBERED;
    /** How far they reach beyond the left of its blocks, in capitals. */
    this.hangs = this.marked && !this.marksAbove ? this.marked + 2 * HALO : 0;
  }

  /** Keep room for marks where a reference pixel is so many units. */
  makeRoom(pixel) {
    const { left, right, low, high } = this.bare;
    const capital = CAPITAL.label * pixel;
    this.gap = Math.max(this.given.gap, this.hangs * capital);
    if (!this.marksAbove) return;
    this.box = { left, right: Math.max(right, left + (this.marked + 0.5) * capital), low, high: high + 1.3 * capital };
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
    this.corners = range(this.blocks).map((block) => [x + (block % columns) * wide, y - Math.floor(block / columns) * high]);
  }

  at(block, depth, row, column) {
    const [x, y, z] = this.base[block];
    return this.slice ? [x + column + depth * this.slice, y, z - row] : [x + column, y + depth, z - row];
  }

  /** Where a block's bias stands: beside it, half-way down; where it is added, in the middle between both; and the plus. */
  biasAt(block) {
    const [, h, w] = this.dims;
    return add(this.base[block], [w + PLUS_GAP, 0, -(h - 1) / 2]);
  }

  sumAt(block) {
    return add(this.biasAt(block), [-(1 + PLUS_GAP) / 2, 0, 0]);
  }

  plusAt(block) {
    return add(this.sumAt(block), [-PLUS_BACK, -0.5, 0]);
  }
}

/**
 * @param {import("./conv.js").Setting} setting
 * @param {{x: ArrayLike<number>, weight: ArrayLike<number> | null, bias: ArrayLike<number> | null}} values
 * @param {{size: number[], fps: number, seconds: number, language: string, theme: string, surroundings: any,
 *   title: string, show: string[], words: Record<string, string>}} look
 * @returns {{board: any, live: any}} as render/page.py tells them
 */
export function compose(setting, values, look) {
  return new Composer(setting, values, look).run();
}

class Composer {
  constructor(setting, values, look) {
    Object.assign(this, { setting, values, look });
    this.words = new Phrases(look.words, look.language);
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
    this.biased = Boolean(this.numbers && this.bank && values.bias);
    this.addsBias = this.biased && !this.scatters;
    this.parts = this.addsBias ? BIASED : [MULTIPLY, SUM, WRITE];
    const { kernel_size: kernel, dilation = 1 } = setting.arguments;
    const far = each(dilation, this.axes);
    this.extents = !this.bank && kernel ? each(kernel, this.axes).map((k, axis) => (k - 1) * far[axis] + 1) : [1];
    this.grid = this.scatters ? setting.input.slice(1) : this.shapes.output.slice(1);
    this.steps = product(this.grid);
    this.windows = this._windows();
    this.telling = this._telling();
  }

  run() {
    this._layout();
    this._time();
    this._colors();
    const movers = this.kind.move ? [] : this._movers();
    [this.window, this.head] = [movers[0], movers.at(-1)];
    const cells = [this._input(), ...this._ghosts(), ...this._output(), ...this._filters(), ...this._travellers()];
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
      movers,
      lines: [...this._pluses(), ...this._withoutPadding(), ...(this.kind.move || !this.look.show.includes("lines") ? [] : this._lines())],
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

  /** The step in slow motion: the first one or, where that reads one cell alone, the first of those that read the most. */
  _telling() {
    if (this.kind.move) return 0;
    const spans = [this.windows.depth, this.windows.rows, this.windows.columns].filter(Boolean).slice(-this.axes);
    const varies = spans.some(({ counts }) => new Set(counts).size > 1);
    if (!varies || product(spans.map(({ counts }) => counts[0])) > 1) return 0;
    return ravel(spans.map(({ counts }) => counts.indexOf(Math.max(...counts))), this.grid);
  }

  /** Whether the window goes into a volume, and whether the output is one, of which those slices that are done hide others. */
  get _deep() {
    return !this.kind.move && this.windows.depth !== null && new Set(this.windows.depth.first).size > 1;
  }

  get _fills() {
    return this.axes === 3 && !this.kind.move && !this.scatters && this.shapes.output[0] === 1 && this.shapes.output[1] > 1;
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
    this.inItem = new Item("input", this.lanesIn, [ci / this.lanesIn, hi, wi], { pad, label: one(this.words.say("input"), shape(this.setting.input)), marks: this._laneMarks(), numbers: this._channelMarks(this.lanesIn, this.before) });
    this.outItem = new Item("output-1", this.lanesOut, [co / this.lanesOut, ho, wo], { label: one(this.words.say("output"), shape(this.shapes.output)), numbers: this._outputMarks() });
    this.items = [this.inItem, this.outItem];
    if (this.bank) {
      const [filters, ...dims] = this.bank;
      const kernel = [this.setting.arguments.in_channels / this.setting.arguments.groups, ...each(this.setting.arguments.kernel_size, this.axes)];
      const told = this.biased ? this.words.say("with_bias", shape(kernel)) : shape(kernel);
      this.bankItem = new Item("filters-1", filters, dims, { pad: [[0, 0], [0, 0], [0, this.biased ? PLUS_GAP + 1 : 0]], gap: BLOCK_GAP, marks: this._filterMarks(), label: one(this._filtersCalled(filters), told) });
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
    this.formulas = this._formulas();
    const top = TOP + 8 + (tall ? heading + tableHigh + 8 : Math.max(heading, tableHigh));
    this.story = this._stacked(this._padding());
    this.opened = this._deep || this._fills ? this._stacked(this.words.say(this._fills ? "opened_both" : "opened")) : [];
    const told = this.kind.move ? 0 : Math.max(1, this.story.length, this.opened.length); // above the formulas
    const scale = this.numbers ? this._stacked(this.words.say("scale")) : [];
    this.scale = scale.length <= told ? scale : [];
    const footer = tall ? this.formulas.length + 2 + told : Math.max(this.formulas.length + told, 2);
    const bottom = BOTTOM + footer * line + 6;
    const labels = this.items[0].label.length * CAPITAL.label * LINE_HEIGHT + 4;
    const wide = page[0] - 2 * SIDE;
    const high = page[1] - top - bottom;
    const options = this.items.map((item) => range(Math.min(item.blocks, 16)).map((r) => r + 1));
    /** How far numbers reach beyond the left of what stands there, in reference pixels. */
    const hanging = () => CAPITAL.label * Math.max(...(tall ? this.items : this.items.slice(0, 1)).map((item) => item.hangs));
    const arranged = () => {
      let best = null;
      for (const rows of combinations(options)) {
        const sizes = this.items.map((item, i) => item.size(rows[i]));
        const gaps = ITEM_GAP * (sizes.length - 1);
        const along = sizes.reduce((sum, s) => sum + s[tall ? 1 : 0], 0) + gaps;
        const across = Math.max(...sizes.map((s) => s[tall ? 0 : 1]));
        const free = wide - hanging();
        const room = tall ? [high - labels * sizes.length, free] : [free, high - labels];
        const pixel = Math.max(along / Math.max(room[0], 40), across / Math.max(room[1], 40));
        if (!best || pixel < best.pixel - 1e-9) best = { rows, sizes, pixel, along, across };
      }
      return best;
    };
    const marked = (numbered) => {
      this.items.forEach((item) => item.mark(numbered));
      let best = arranged();
      for (let turn = 0; turn < ROUNDS && this.items.some((item) => item.marked); turn++) {
        this.items.forEach((item) => item.makeRoom(best.pixel));
        best = arranged();
      }
      return best;
    };
    const least = Math.min(FOLLOWED / marked(false).pixel, LARGE_CELL);
    const numbered = 1 / marked(true).pixel >= least;
    let best = marked(numbered);
    if (this.numbers && this.bank && this.bank[1] > 1) {
      const closed = this.bankItem;
      this.bankItem = this.items[1] = closed.opened();
      const opened = marked(numbered);
      if (opened.pixel > best.pixel / ROOMY) {
        this.bankItem = this.items[1] = closed;
        best = marked(numbered);
      } else best = opened;
    }
    const { rows, sizes, pixel, along } = best;
    this.pixel = pixel;
    const shift = (hanging() / 2) * pixel;
    const room = (tall ? high - labels * sizes.length : wide - hanging()) * pixel;
    const spare = Math.min((room - along) / sizes.length, MORE_GAP);
    const gap = ITEM_GAP + Math.max(0, spare);
    const whole = along + Math.max(0, spare) * (sizes.length - 1);
    const middle = ((bottom - top) / 2) * pixel; // of the room, seen from the picture's
    this.labels = [];
    if (tall) {
      let y = middle + (whole + labels * pixel * sizes.length) / 2;
      this.items.forEach((item, i) => {
        item.place(rows[i], shift - sizes[i][0] / 2, y);
        y -= sizes[i][1];
        this.labels.push([shift, y]);
        y -= gap + labels * pixel;
      });
    } else {
      let x = shift - whole / 2;
      const lowest = middle - best.across / 2 + (labels * pixel) / 2;
      this.items.forEach((item, i) => {
        item.place(rows[i], x, middle + (labels * pixel) / 2 + sizes[i][1] / 2);
        this.labels.push([x + sizes[i][0] / 2, lowest]);
        x += sizes[i][0] + gap;
      });
    }
    const side = (page[0] / 2 - SIDE) * pixel;
    /** From and to where things may fly, along the picture's right and its up: within its margins, below its heading. */
    this.room = [[-side, side], [Math.min(...this.labels.map(([, y]) => y)), (page[1] / 2 - top) * pixel]];
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
      band_until: null,
    };
  }

  // Time

  _time() {
    const { fps, seconds } = this.look;
    const row = this.kind.move ? 0 : this.grid.at(-1);
    const plane = product(this.grid.slice(-2));
    const told = { steps: this.steps, row: this.grid.at(-1), plane, fps, seconds, slides: !this.kind.move, telling: this.telling, biased: this.addsBias };
    const { beats, frames } = beatsOf(told);
    Object.assign(this, { beats, frames, row });
    this.slow = beats.find((beat) => beat.slow);
    this.swept = beats.some((beat) => beat.swept);
    const keys = paceOf(beats, row);
    this.step = track(keys.map(([frame]) => frame), keys.map(([, done]) => [done]), "linear");
    this.settled = packed(settledOf(keys, this.steps));
    this.shownIn = beats.flatMap((beat) => new Array(beat.last + 1 - beat.first).fill(beat));
  }

  /** Keys of something that stands where a step says: it arrives in the first part of a stroke, and goes along a row. */
  _follow(stands, approach) {
    const [frames, values, eases] = [[], [], []];
    const key = (frame, value, ease) => {
      frames.push(frame);
      values.push(value);
      eases.push(ease);
    };
    let swept = false;
    for (const way of strokesOf(this.beats, this.row)) {
      const here = stands(way.first);
      if (swept && way.waits && way.stands - way.start < STROKE) eases[eases.length - 1] = "constant";
      swept = way.waits;
      if (!frames.length) key(way.start, here.map((x, i) => x + (i === 1 ? approach : 0)), "cubic");
      const single = way.first === way.last;
      key(way.stands, here, single ? "constant" : "linear");
      key(way.end, single ? here : stands(way.last), "cubic");
    }
    return track(frames, values, eases);
  }

  _arrival(step) {
    const { first, slow, swept } = this.shownIn.at(step); // -1 is that of what no step writes
    if (swept) return [step, step + 1];
    return slow && step === first && !this.kind.move ? [step + WRITE, step + 1] : [step + SET_OUT, step + LANDED];
  }

  // Colours

  _colors() {
    const { input, arguments: a } = this.setting;
    const families = this.kind.move && "groups" in a ? a.groups : this.groups;
    const colors = inputColors(this.before[0], families);
    const perFamily = this.before[0] / families; // where lightness tells values, equal ones look alike in whatever channel
    this.inColors = colors.map((color, c) => (this.numbers ? colors[c - (c % perFamily)] : color));
    this.deep = this.before[0] / input[0];
    this.outColors = this.kind.weighted ? outputColors(a.out_channels, this.groups) : null;
    this.alone = this.groups > 1 && a.out_channels === this.groups && input[0] === this.groups;
    if (this.alone) this.outColors = this.inColors.filter((_, c) => c % this.deep === 0);
    const tint = (values) => (this.numbers && values ? inLightness(Array.from(values)) : (color) => color);
    this.inTint = tint(this.values.x);
    this.weightTint = tint(this.values.weight);
    this.outTint = this.kind.weighted ? tint(this.y) : this.inTint; // what is picked or mixed keeps the scale of what is read
  }

  _inColor(flat) {
    return this.inTint(this.inColors[Math.floor(flat / product(this.before.slice(1)))], this.values.x[flat]);
  }

  _outColor(flat) {
    const channel = Math.floor(flat / product(this.shapes.output.slice(1)));
    if (this.outColors) return this.outTint(this.outColors[channel], this.y[flat]);
    if (this.kind.move) {
      const from = this.stage.input.data[flat];
      return from < 0 ? this.look.surroundings.ghost : this._inColor(from);
    }
    return this.outTint(this.inColors[channel * this.deep], this.y[flat]);
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

  /** The cells of padding around the input: their lane and place in it, the slice that they stand in or beside, and the
   * cell that they copy, if any. */
  _around() {
    const [deep, rows, columns] = this.inItem.pad;
    const [depth, height, width] = this.inItem.dims;
    const mode = this.setting.arguments.padding_mode ?? "zeros";
    const found = [];
    for (let lane = 0; lane < this.lanesIn; lane++)
      for (let d = -deep[0]; d < depth + deep[1]; d++)
        for (let h = -rows[0]; h < height + rows[1]; h++)
          for (let w = -columns[0]; w < width + columns[1]; w++) {
            if (d >= 0 && d < depth && h >= 0 && h < height && w >= 0 && w < width) continue;
            const inside = Math.min(Math.max(d, 0), depth - 1);
            const slice = this.axes === 3 ? sourceOf(d, depth, mode) : inside;
            const [row, column] = [sourceOf(h, height, mode), sourceOf(w, width, mode)];
            const copied = Math.min(slice, row, column) < 0 ? null : [lane * depth + slice, row, column];
            found.push({ lane, at: [d, h, w], inside, copied });
          }
    return found;
  }

  _ghosts() {
    if (!this.windows || !this.look.show.includes("ghosts")) return [];
    const around = this._around();
    if (!around.length) return [];
    const [depth] = this.inItem.dims;
    const index = around.map(({ lane, inside, at: [, h, w] }) => [lane * depth + inside, h, w]);
    const position = around.map(({ lane, at }) => this.inItem.at(lane, ...at));
    const [front, copied] = [around.map(({ at }) => at[0] === 0), around.map((each) => each.copied)];
    const { ghost, floor, backdrop } = this.look.surroundings;
    const reads = this.stage.reduce === "sum" && (this.setting.arguments.count_include_pad ?? true);
    const zeros = front.map((is, i) => is && reads && !copied[i]);
    const numbers = this._numbers(new Float64Array(position.length), position.map(() => floor), zeros);
    const ghosts = made("ghosts-input", "ghost", this.before, index, {
      position,
      color: position.map(() => ghost),
      lit_by: "window-1",
      numbers,
    });
    const repeats = range(position.length).filter((i) => copied[i]);
    if (!repeats.length) return [ghosts];
    const flat = repeats.map((i) => ravel(copied[i], this.before));
    const color = flat.map((cell) => this._inColor(cell).map((x, k) => x + FAINT * (backdrop[k] - x)));
    const copies = made("copies-input", "copy", this.before, repeats.map((i) => copied[i]), {
      position: repeats.map((i) => position[i]),
      color,
      scale: COPIED,
      lit_by: "window-1",
      numbers: this._numbers(flat.map((cell) => this.values.x[cell]), color, repeats.map((i) => front[i]), {
        width: COPIED,
        most: HEIGHT / COPIED,
        face: PLAIN_FACE,
      }),
    });
    return [ghosts, copies];
  }

  _filters() {
    if (!this.bank) return [];
    const cells = range(product(this.bank)).map((flat) => unravel(flat, this.bank));
    const slices = (color) => Array(this.bank[1]).fill(color);
    const colors = this.alone ? this.outColors.map(slices) : filterColors(this.bank[0], this.bank[1], this.groups);
    const color = cells.map(([f, c], flat) => this.weightTint(colors[f][this.numbers ? 0 : c], this.values.weight[flat]));
    const numbers = this._numbers(this.values.weight, color, cells.map(([, c]) => this._inFront(c)));
    const position = cells.map(([f, c, h, w]) => this.bankItem.at(f, c, h, w));
    return [made("filters-1", "filter", this.bank, cells, { position, color, numbers }), ...this._biases()];
  }

  /** The biases of filters, in the hue of what these write. */
  _biases() {
    if (!this.biased) return [];
    const filters = range(this.bank[0]);
    return [this._biasCells("biases-1", "filter", { position: filters.map((f) => this.bankItem.biasAt(f)) })];
  }

  _biasCells(name, role, more) {
    const { weight, bias } = this.values;
    const tint = inLightness([...weight, ...bias]);
    const color = range(bias.length).map((f) => tint(this.outColors[f], bias[f]));
    const numbers = this._numbers(bias, color, color.map(() => true));
    return made(name, role, [bias.length, 1, 1], range(bias.length).map((f) => [f, 0, 0]), { color, numbers, ...more });
  }

  /** Whether the weights of a channel have none before them, so that their fronts are seen. */
  _inFront(channel) {
    return channel === 0 || "slice" in this.bankItem;
  }

  /** Where a filter's results come out: on its far side, from which its line leads to them, or where its bias is added. */
  _mouth(filter) {
    if (this.biased) return this.bankItem.sumAt(filter);
    const [depth, h, w] = this.bankItem.dims;
    const [x, y, z] = this.bankItem.base[filter];
    return [x + w - 0.5, y + depth - 1, z - (h - 1) / 2];
  }

  /** Whether copies of what a window reads are seen to come to the weights. */
  get meets() {
    return this.bank && !this.slow.swept && product(this.bank) <= MOST_TRAVELLERS && this.page[0] / this.camera.width >= FEWEST_PIXELS;
  }

  /** Copies of the first window's cells: to their weights, then together into one cell per filter or, of a window that
   * scatters, each to its own cell of the output. */
  _travellers() {
    if (!this.meets) return [];
    const [filters, slices] = this.bank;
    const { fan_in: fanIn } = this.stage;
    const kd = slices / fanIn;
    const [position, origin, via, color, becomes, index, cells, products, front] = Array.from({ length: 9 }, () => []);
    const reads = this._corner();
    const writes = this._corner(true);
    const deepOut = this.after[0] / this.shapes.output[0];
    for (let flat = 0; flat < product(this.bank); flat++) {
      const [f, slice, i, j] = unravel(flat, this.bank);
      const [c, d] = [Math.floor(slice / kd), slice % kd];
      const channel = Math.floor((f * this.groups) / filters) * fanIn + c;
      const [z, h, w] = this.scatters ? [0, 0, 0] : reads(d, i, j);
      const read = this._read(channel, z, h, w);
      const cell = read < 0 ? 0 : this.values.x[read];
      const per = this.before[0] / this.lanesIn;
      const at = channel * this.deep;
      origin.push(this.inItem.at(Math.floor(at / per), (at % per) + z, h, w));
      via.push(this.bankItem.at(f, slice, i, j));
      const to = writes(d, i, j);
      const perOut = this.after[0] / this.lanesOut;
      const first = f * deepOut;
      position.push(this.scatters ? this.outItem.at(Math.floor(first / perOut), (first % perOut) + to[0], to[1], to[2]) : this._mouth(f));
      color.push(read < 0 ? EMPTY : this._inColor(read));
      becomes.push(this.outColors[f]);
      index.push(read < 0 ? [at + Math.min(Math.max(z, 0), this.deep - 1), h, w] : unravel(read, this.before));
      cells.push(cell);
      products.push(this.values.weight ? cell * this.values.weight[flat] : NaN);
      front.push(index.at(-1)[0] % per === 0);
    }
    if (this.numbers) {
      const tint = inLightness(products);
      products.forEach((value, i) => (becomes[i] = tint(becomes[i], value)));
    }
    const [multiply, leave, summed] = this.parts;
    const rest = [multiply, leave];
    const turn = (multiply + ripened(...rest)) / 2;
    const numbers = [
      ...this._numbers(cells, color, front, { last: turn }),
      ...this._numbers(products, becomes, index.map((_, flat) => this._inFront(unravel(flat, this.bank)[1])), { first: turn }),
    ];
    const times = { start: position.map(() => LAND), arrive: position.map(() => summed), rest, end: summed };
    const bow = this._swerve(origin, via);
    const copies = { position, color, origin, anchor: origin, via, bow, becomes, numbers, ...times };
    return [made("travellers-1", "traveller", this.before, index, copies), ...(this.addsBias ? this._joining() : [])];
  }

  /** What the filters have added up in the first step, and copies of their biases, which join that. */
  _joining() {
    const filters = range(this.bank[0]);
    const positions = product(this.shapes.output.slice(1));
    const cell = filters.map((f) => f * positions + this.telling);
    const sums = cell.map((flat, f) => this.y[flat] - this.values.bias[f]);
    const color = sums.map((sum, f) => this.outTint(this.outColors[f], sum));
    const [position, index] = [filters.map((f) => this.bankItem.sumAt(f)), cell.map((flat) => unravel(flat, this.after))];
    const shared = { position, color, numbers: this._numbers(sums, color, filters.map(() => true)) };
    const [begin, at] = [this.parts.at(-1), filters.map((f) => this.bankItem.biasAt(f))];
    const every = (time) => filters.map(() => time);
    const joins = { start: every(BIAS), rest: [BIAS, BIAS], arrive: every(WRITE), end: WRITE };
    return [
      made("sums-1", "traveller", this.after, index, { ...shared, start: every(begin), arrive: every(BIAS), end: BIAS }),
      made("joined-1", "traveller", this.after, index, { ...shared, via: position, ...joins }),
      this._biasCells("joining-1", "traveller", { position, origin: at, via: at, ...joins }),
    ];
  }

  /** Where the first window has its cell of so many along depth, rows and columns: on the input or, of one that
   * scatters, on the output. */
  _corner(written = false) {
    if (!written) {
      const { depth, rows, columns } = this.windows;
      return (d, i, j) => [depth ? depth.first[0] + d * depth.distance : 0, rows.first[0] + i * rows.distance, columns.first[0] + j * columns.distance];
    }
    const { padding = 0, dilation = 1 } = this.setting.arguments;
    const whole = (value, missing) => (typeof value === "string" ? [0, 0, 0] : [missing, missing, ...each(value, this.axes)].slice(-3));
    const [cut, far] = [whole(padding, 0), whole(dilation, 1)];
    return (...at) => at.map((k, axis) => k * far[axis] - cut[axis]);
  }

  /** The flat cell of the input that is read at a place, which may be on padding; -1 for a zero. */
  _read(channel, ...place) {
    const shape = [this.deep, ...this.before.slice(1)];
    const mode = this.setting.arguments.padding_mode ?? "zeros";
    const at = place.map((p, axis) => sourceOf(p, shape[axis], mode));
    return Math.min(...at) < 0 ? -1 : channel * product(shape) + ravel(at, shape);
  }

  /** Whether cells that are written with a step are seen to come to their place. */
  _flies(step) {
    if (this.page[0] / this.camera.width < FEWEST_PIXELS) return false;
    const { first, last, start, end, slow, swept } = this.shownIn[step];
    const part = swept ? 1 : LANDED - SET_OUT;
    return (slow && !swept) || (part * (end - start)) / (last - first + 1) / this.look.fps >= FLIGHT;
  }

  _swerving(cells, told) {
    return { ...cells, bow: this._swerve(cells.origin, cells.position, told) };
  }

  _swerve(origin, end, told) {
    const boxes = this.items.flatMap(({ base, dims: [d, h, w] }) =>
      base.map(([x, y, z]) => [
        [x - 0.5, y - 0.5, z + 0.5 - h],
        [x + w - 0.5, y + d - 0.5, z + 0.5],
      ]),
    );
    const biases = this.biased ? range(this.bank[0]).map((f) => this.bankItem.biasAt(f)) : [];
    boxes.push(...biases.map((at) => [add(at, [-0.5, -0.5, -0.5]), add(at, [0.5, 0.5, 0.5])]));
    const plates = this._atThings().map(({ body, x, y, align }) => {
      const [wide, size] = [textWidth(body) * CAPITAL.label, CAPITAL.label];
      const left = x - { left: 0, center: 0.5, right: 1 }[align] * wide;
      const [low, high] = [y - (DESCENT + HALO) * size, y + (ASCENT + HALO) * size];
      return [left - HALO * size, low, left + wide + HALO * size, high].map((side) => side * this.pixel);
    });
    return swerve(origin, end, { view: basis(DIRECTION), boxes, plates, room: this.room, told });
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
    const flies = this.kind.move ? null : range(this.steps).map((step) => this._flies(step));
    const moved = this.kind.move ? this.stage.input.data : null;
    const origin = cells.map((at, flat) => {
      if (moved) return moved[flat] < 0 ? position[flat] : this._spot(this.inItem, this.lanesIn, this.before, unravel(moved[flat], this.before));
      if (!flies[flat % positions]) return position[flat];
      if (this.bank) return this._mouth(Math.floor(flat / positions));
      return this._source(flat);
    });
    const shared = { start: times.map(([s]) => s), arrive: times.map(([, a]) => a) };
    const of = (rows) => {
      const pick = (list) => rows.map((row) => list[row]);
      const numbers = this._numbers(pick([...this.y]), pick(color), pick(front));
      const cells = { position: pick(position), color: pick(color), origin: pick(origin), numbers, lit_by: this._fills ? "head-1" : null };
      const told = (i) => (!moved && rows[i] % positions === this.slow.first ? this.slow.first : UNTOLD);
      return this._swerving({ ...cells, start: pick(shared.start), arrive: pick(shared.arrive) }, told);
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

  /** Where a pool's output cell comes from: what it keeps or, if that is none, the middle of all that it reads. */
  _source(flat) {
    if (this.stage.reduce === "max") {
      const read = tapsOf(this.stage, flat).filter((tap) => tap.input >= 0);
      const kept = read.find((tap) => this.values.x[tap.input] === this.y[flat]);
      if (kept) return this._spot(this.inItem, this.lanesIn, this.before, unravel(kept.input, this.before));
    }
    return this._center(flat);
  }

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
    const counted = this.numbers && !this.swept && this.shapes.macs <= MOST_PRODUCTS;
    const turns = cells.map((_, flat) => this._turns(flat, product(spatial), counted));
    const positions = product(this.shapes.output.slice(1));
    const source = (flat, step) => (this._flies(step) ? this._mouth(Math.floor(flat / positions)) : position[flat]);
    const times = turns.map((steps) => this._arrival(steps.length ? steps.at(-1).step : -1));
    const whole = {
      position,
      color,
      origin: cells.map((_, flat) => (turns[flat].length === 1 ? source(flat, turns[flat][0].step) : position[flat])),
      start: times.map(([s]) => s),
      arrive: times.map(([, a]) => a),
      lit_by: "head-1",
      numbers: this._numbers(this.y, color, front),
    };
    const told = (flat) => (turns[flat].at(-1)?.step === this.slow.first ? this.slow.first : UNTOLD);
    const several = counted ? Math.max(...turns.map((steps) => steps.length)) - 1 : 1;
    const found = [];
    for (let turn = 0; turn < several; turn++) {
      const rows = range(cells.length).filter((flat) => turns[flat].length > turn + 1);
      if (!rows.length) break;
      if (counted) rows.sort((one, other) => turns[one][turn].step - turns[other][turn].step || one - other);
      const own = rows.map((flat) => turns[flat][turn]);
      const shade = rows.map((flat, i) => {
        const plain = this.outColors[Math.floor(flat / positions)];
        return counted ? this.outTint(plain, own[i].sum) : plain;
      });
      const between = own.map(({ step }) => this._arrival(step));
      const scale = PARTIAL + ((GROWN - PARTIAL) * turn) / Math.max(1, several - 1);
      const seen = rows.map((flat) => front[flat] && several <= MOST_SUMS);
      const numbers = counted ? this._numbers(own.map(({ sum }) => sum), shade, seen, { width: scale }) : [];
      const partial = {
        position: rows.map((flat) => position[flat]),
        color: shade,
        origin: rows.map((flat, i) => (turn ? position[flat] : source(flat, own[i].step))),
        start: between.map(([s]) => s),
        arrive: between.map(([, a]) => a),
        scale,
        numbers,
        lit_by: "head-1",
      };
      const name = `output-1-partial-${turn + 1}`;
      found.push(made(name, "output", this.after, rows.map((flat) => cells[flat]), this._swerving(partial)));
    }
    return [...found, made("output-1", "output", this.after, cells, this._swerving(whole, told))];
  }

  /** The steps that add to an output cell, and what has been added up after each, all without bias. */
  _turns(flat, positions, counted) {
    const found = new Map();
    for (const tap of tapsOf(this.stage, flat)) {
      if (tap.input < 0) continue;
      const step = tap.input % positions;
      const added = counted ? this.values.x[tap.input] * this.values.weight[tap.weight] : 0;
      found.set(step, (found.get(step) ?? 0) + added);
    }
    let sum = 0;
    return [...found].sort(([a], [b]) => a - b).map(([step, added]) => ({ step, sum: (sum += added) }));
  }

  /** What is written on cells, none where it could not be read. */
  _numbers(values, color, front, { first = ALWAYS, last = null, width = 1, most = HEIGHT, face = this.look.surroundings.face } = {}) {
    if (!this.numbers || !values) return [];
    const cell = range(values.length).filter((i) => front[i] && Number.isFinite(values[i]));
    if (!cell.length) return [];
    const pixels = (this.look.size[0] / this.camera.width) * width;
    const written = (own) => {
      const wide = own.map((value) => digitsWidth(short(value)));
      const size = Math.min(most, ROOM / (NARROWEST * wide.reduce((most, each) => Math.max(most, each))));
      return { own, wide, size };
    };
    const exact = written(cell.map((i) => values[i]));
    const { own, wide, size } = exact.size * pixels < SMALL ? written(exact.own.map(rougher)) : exact;
    const narrow = wide.map((each) => Math.min(1, ROOM / (size * each)));
    const least = own.some((value) => short(value).includes(".")) ? POINTED : NARROW;
    const thinnest = narrow.reduce((one, other) => Math.min(one, other));
    if (size * pixels < Math.max(LEGIBLE, least / thinnest)) return [];
    const ink = cell.flatMap((i) => inkOn(color[i].map((x) => x * face)));
    return [
      {
        cell: packed(Int32Array.from(cell)),
        value: packed(Float64Array.from(own)),
        color: packed(new Float32Array(ink), [cell.length, 3]),
        size,
        first,
        last,
        until: null,
        narrow: packed(Float32Array.from(narrow)),
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
    const first = Math.floor(this.beats[0].start) + 1;
    const last = Math.floor(this.beats.at(-1).end);
    const window = {
      ...mover("window-1", this._follow(stands, APPROACH), first, last, counts, spacing, lanes),
      taps: changes ? this._follow(touched, 0) : null,
      opens: this._deep,
    };
    return [window, ...this._sides(window), this._head(first, last)];
  }

  /** Where is written: the cell of the first filter, or the window over which a cell is spread. */
  _head(first, last) {
    if (!this.scatters) {
      const stands = (step) => this._spot(this.outItem, this.lanesOut, this.after, this._position(step));
      return { ...mover("head-1", this._follow(stands, 0), first, last, [1, 1, 1], [1, 1, -1], []), opens: this._fills };
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

  /** Of a window that differs in size, what its lines leave from: its right side's upper end, middle and lower end. */
  _sides(window) {
    if (!window.taps) return [];
    const { frames, values, eases } = window.track;
    return Object.entries(SIDES).map(([name, height]) => {
      const down = [1, 0, 0.5 - height];
      const grown = values.data.map((x, i) => x + (window.taps.values.data[i] - window.counts[i % 3]) * window.spacing[i % 3] * down[i % 3]);
      const way = { frames, values: packed(grown, values.shape), eases };
      return mover(`${window.name}-${name}`, way, window.first, window.last, [1, 1, 1], [1, 1, -1], []);
    });
  }

  _lines() {
    const shared = { over_cells: null, radius: 0.036 };
    const lines = [...(this.bank ? [...this._windowLines(), ...this._outputLines()] : this._directLines())];
    const [ties, kept, arcs] = [[...this._ties()], [...this._kept()], [...this._arcs()]];
    const step = this.slow.first;
    const others = [
      { name: "ties", lines: ties, first: ALWAYS, last: this.steps + 1, ...shared, over_cells: 0 },
      { name: `kept-1-${step + 1}`, lines: kept, first: step + LAND, last: step + 1, over_cells: 1, radius: FRAME_RADIUS },
      { name: "arcs-1", lines: arcs, first: -1, last: this.beats.slice(0, READING_STEPS + 1).at(-1).last + 1, ...shared, over_cells: 1 },
    ];
    const spell = { first: 0, last: this.steps };
    const written = { name: "written-1", lines: this._beingWritten(), ...spell, over_cells: 1, radius: FRAME_RADIUS };
    return [...others.filter((each) => each.lines.length), ...(this.scatters ? [] : [written]), { name: "lines-1-1", lines, ...spell, ...shared }];
  }

  /** Around the fronts of the cells, the first of every lane, that a step writes; they go along with the head. */
  _beingWritten() {
    const { base } = this.outItem;
    return base.flatMap((at) => [...this._frame(subtract(at, base[0]), "head-1", OUTLINED)]);
  }

  /** Around the front of a cell in this place, or so far from what carries it; so wide, in cells. */
  *_frame(place, on = null, size = FRAMED) {
    const corners = [[-1, 1], [1, 1], [1, -1], [-1, -1]].map(([x, z]) => add(place, [(size * x) / 2, -0.5, (size * z) / 2]));
    for (const [k, start] of corners.entries())
      yield { start, start_on: on, end: corners[(k + 1) % 4], end_on: on, color: this.look.surroundings.line };
  }

  /** Between filters and their biases. */
  _pluses() {
    if (!this.biased) return [];
    const color = this.look.surroundings.text;
    const lines = range(this.bank[0]).flatMap((f) =>
      [[PLUS, 0, 0], [0, 0, PLUS]].map((arm) => {
        const at = this.bankItem.plusAt(f);
        return { start: subtract(at, arm), start_on: null, end: add(at, arm), end_on: null, color };
      }),
    );
    return [{ name: "pluses-1", lines, first: ALWAYS, last: this.steps + 1, over_cells: null, radius: PLUS_RADIUS }];
  }

  /** Around what is no padding, where padding repeats cells and looks like them: its front. */
  _withoutPadding() {
    const padded = this.windows && this.look.show.includes("ghosts") && this._around().some((each) => each.copied);
    if (!padded) return [];
    const { base, dims } = this.inItem;
    const [, h, w] = dims;
    const corners = [[-0.5, 0.5], [w - 0.5, 0.5], [w - 0.5, 0.5 - h], [-0.5, 0.5 - h]].map(([x, z]) => [x, -0.5, z]);
    const color = scaled(this.inColors[0], DEEP);
    const lines = base.flatMap((at) =>
      corners.map((start, k) => ({ start: add(at, start), start_on: null, end: add(at, corners[(k + 1) % 4]), end_on: null, color })),
    );
    return [{ name: "edge-input", lines, first: ALWAYS, last: this.steps + 1, over_cells: 1, radius: FRAME_RADIUS }];
  }

  /** Between groups of a tensor that stand one below the other, at both sides: what is drawn apart is one thing. */
  *_ties() {
    const { right } = basis(DIRECTION);
    for (const item of [this.inItem, this.outItem]) {
      if (this._inLine(item) > 1) continue;
      const { base, dims } = item;
      const [c, h, w] = dims;
      const edges = [-0.5, w - 0.5].flatMap((x) => [-0.5, c - 0.5].map((y) => [x, y, 0]));
      edges.sort((one, other) => dot(one, right) - dot(other, right));
      for (let lane = 1; lane < base.length; lane++)
        for (const edge of [edges[0], edges.at(-1)]) {
          const [start, end] = [add(add(base[lane - 1], edge), [0, 0, 0.5 - h]), add(add(base[lane], edge), [0, 0, 0.5])];
          yield { start, start_on: null, end, end_on: null, color: this.look.surroundings.ghost };
        }
    }
  }

  /** Frames around the cells that a pool finds to be the largest in the step that is told. */
  *_kept() {
    if (this.stage.reduce !== "max" || this.slow.swept) return;
    const positions = product(this.shapes.output.slice(1));
    const written = range(product(this.after)).filter((flat) => flat % positions === this.slow.first);
    if (written.length > MOST_FRAMED) return;
    for (const flat of written) yield* this._frame(this._source(flat));
  }

  /** How many groups of an item stand side by side, or below each other. */
  _inLine({ base }, below) {
    const { right, up } = basis(DIRECTION);
    return new Set(base.map((each) => Math.round(1e6 * dot(subtract(each, base[0]), below ? up : right)))).size;
  }

  /** From every padding cell that the first window reads, and that copies another one, to that, over both: seen as long
   * as steps are slow enough to be read. */
  *_arcs() {
    const { rows, columns } = this.windows;
    const color = scaled(this.inColors[0], DEEP);
    const reads = ({ first, counts, distance }, at) => (at - first[0]) % distance === 0 && at >= first[0] && at < first[0] + counts[0] * distance;
    for (const { lane, at, copied, inside } of this._around()) {
      if (!copied || inside || !reads(rows, at[1]) || !reads(columns, at[2])) continue;
      const front = (place) => add(place, [0, -0.5, 0]);
      const [start, end] = [front(this._spot(this.inItem, this.lanesIn, this.before, copied)), front(this.inItem.at(lane, ...at))];
      const lift = -0.5 * (0.4 + 0.25 * Math.hypot(...subtract(end, start)));
      const points = range(ARC_PIECES + 1).map((k) => {
        const u = k / ARC_PIECES;
        return add(add(start, scaled(subtract(end, start), u)), [0, 4 * u * (1 - u) * lift, 0]);
      });
      for (let k = 0; k < ARC_PIECES; k++)
        yield { start: points[k], start_on: null, end: points[k + 1], end_on: null, color };
    }
  }

  /** What filters are called: with their dilation, if they have one. */
  _filtersCalled(filters) {
    const called = filters > 1 ? this.words.say("filters", filters) : this.words.say("filter");
    const { op, arguments: given } = this.setting;
    const rates = /^Conv\dd$/.test(op) ? each(given.dilation ?? 1, this.axes) : [1];
    if (rates.every((rate) => rate === 1)) return called;
    const rate = new Set(rates).size === 1 ? rates[0] : rates.join("×");
    return this.words.say("dilated", called, rate);
  }

  /** From the corners of the window's front face to its filter, or to a frame around its group's filters. It is one line of
   * each box where a group reads several boxes, or others are in the way: these it goes around. Those of several groups, or
   * boxes, wear the hues of these. */
  *_windowLines() {
    const { boxes } = this.window;
    const [filters, split] = [this.bank[0] / this.groups, this.lanesIn / this.groups];
    const several = filters > 1;
    const groups = range(Math.min(this.groups, MOST_LINES));
    const membersOf = (group) => range(filters).map((k) => group * filters + k);
    const arrive = groups.map((group) => this._over(this.bankItem, membersOf(group), false, filters, 0, 2));
    const single = this._inLine(this.inItem, this.tall) > 1 || arrive.some((points) => points.length);
    for (const group of groups) {
      const members = membersOf(group);
      const bases = members.map((f) => this.bankItem.base[f]);
      const near = several ? this._cornersAround(bases) : this._frontCorners(bases[0]);
      const nearest = !several ? [0, 1, 2, 3] : this.tall ? [0, 1, 0, 1] : [0, 0, 2, 2];
      const { line, ghost } = this.look.surroundings;
      const hue = this.groups > 1 ? scaled(members.map((f) => this._shade(f)).reduce(add), 1 / filters) : null;
      for (const [one, other] of several ? [[0, 1], [1, 3], [3, 2], [2, 0]] : [])
        yield { start: near[one], start_on: null, end: near[other], end_on: null, color: hue ?? ghost };
      let ends = [[-1, 1], [1, 1], [-1, -1], [1, -1]].map((corner, i) => [corner, near[nearest[i]]]);
      const middle = several ? scaled(add(near[0], near[this.tall ? 1 : 2]), 0.5) : near[0];
      const one = single || split > 1;
      if (one) ends = [[[1, this.tall ? -1 : 1], middle]];
      else if (this.groups > FULL_LINES) ends = [ends[0], ends[3]];
      for (const lane of range(split).slice(0, MOST_LINES).map((k) => group * split + k)) {
        const [center, size] = boxes[lane];
        const leaves = one ? this._over(this.inItem, [lane], true) : [];
        const own = split > 1 && this.groups === 1 ? this._shadeOf(this.inColors[(lane * this.before[0]) / this.lanesIn]) : null;
        for (const [[dx, dz], end] of ends) {
          const start = add(center, scaled([dx * size[0], -size[1], dz * size[2]], 0.5));
          yield* along({ start, start_on: "window-1", end, end_on: null, color: own ?? hue ?? line }, [...leaves, ...arrive[group]]);
        }
      }
    }
  }

  /** What a line goes along that leaves these blocks of an item, or arrives at them: over the others that stand beside them
   * on the way, so many together in a frame; in tall pictures past the right side of those below or above. Those that leave
   * farther from the end, or arrive farther from the beginning, pass higher, lines of the same blocks each at a share of the
   * room that leaves; where lines go both ways, to an item and on from it, each on a track of its own. In tall pictures, where
   * rows are long, lines leave and arrive straight from above, too. */
  _over(item, blocks, leaves, together = 1, share = 0, ways = 1) {
    const [flow, side, onward] = this.tall ? [1, 0, -1] : [0, 1, 1];
    const framed = (some) => this._frameAround(this._seenAround(item, some.map((block) => item.base[block])));
    const mine = framed(blocks);
    const middle = [0, 1].map((axis) => (mine[axis] + mine[axis + 2]) / 2);
    const passed = range(item.base.length / together)
      .map((k) => framed(range(together).map((i) => k * together + i)))
      .filter((each) => each[side] < middle[side] && middle[side] < each[side + 2])
      .map((each) => ({ each, ways: [each[flow], each[flow + 2]].map((at) => onward * (at - middle[flow])).sort((a, b) => a - b) }))
      .filter(({ ways: [begin, end] }) => (leaves ? begin > 0 : end < 0));
    if (!passed.length) {
      const upright = this.tall && item.base.length > 1 && together === 1;
      return upright ? [this._atDepthOf(item.base[blocks[0]], middle[0], mine[leaves ? 1 : 3])] : [];
    }
    const track = (passed.length - 1) * ways + (leaves && ways > 1 ? 1 : 0) + (together > 1 ? 1 : 0); // above their frame, not on it
    const beyond = Math.max(...passed.map(({ each }) => each[side + 2])) + PASSES * this.pixel * (track + share);
    const ends = [Math.min(...passed.map(({ ways }) => ways[0])), Math.max(...passed.map(({ ways }) => ways[1]))];
    return ends.map((way) => {
      const at = middle[flow] + onward * way;
      return this._atDepthOf(item.base[blocks[0]], ...(this.tall ? [beyond, at] : [at, beyond]));
    });
  }

  /** Upper left, upper right, lower left and lower right of a filter's front face. */
  _frontCorners(base) {
    const [, h, w] = this.bankItem.dims;
    const inset = (1 - CUBE) / 2 + 0.04; // cubes do not fill their unit and are rounded
    return [0.5 - inset, 0.5 - h + inset].flatMap((z) => [inset - 0.5, w - 0.5 - inset].map((x) => add(base, [x, -0.5, z])));
  }

  /** What each block of an item takes of the picture, padding and its number included: from left and below to right and
   * above. */
  _seenAround({ bare, hangs, marksAbove }, bases) {
    const { right, up } = basis(DIRECTION);
    const capital = CAPITAL.label * this.pixel;
    return bases.map((base) => {
      const [x, y] = [dot(base, right), dot(base, up)];
      return [x + bare.left - hangs * capital, y + bare.low, x + bare.right, y + bare.high + (marksAbove ? 1.3 * capital : 0)];
    });
  }

  /** Left, low, right and high of a frame around all that takes this of the picture. */
  _frameAround(seen) {
    const room = AROUND * this.pixel;
    const [left, low] = [0, 1].map((side) => Math.min(...seen.map((each) => each[side])) - room);
    const [edge, high] = [2, 3].map((side) => Math.max(...seen.map((each) => each[side])) + room);
    return [left, low, edge, high];
  }

  /** The point as far from the viewer as this one that is seen there. */
  _atDepthOf(base, x, y) {
    const { right, up } = basis(DIRECTION);
    return add(base, add(scaled(right, x - dot(base, right)), scaled(up, y - dot(base, up))));
  }

  /** Corners of a frame around several filters and their numbers, as of a front: what it gets, all of them get. */
  _cornersAround(bases) {
    const [left, low, edge, high] = this._frameAround(this._seenAround(this.bankItem, bases));
    return [high, low].flatMap((y) => [left, edge].map((x) => this._atDepthOf(bases[0], x, y)));
  }

  /** From each filter or, of several in a frame, from one point on its edge, to what it writes. */
  *_outputLines() {
    const per = this.bank[0] / this.groups;
    const framed = per > 1 && !this.scatters;
    for (let f = 0; f < Math.min(this.bank[0], MOST_LINES); f++) {
      const rank = f % per;
      const members = framed ? range(per).map((k) => f - rank + k) : [f];
      const [, right, lower, last] = framed ? this._cornersAround(members.map((k) => this.bankItem.base[k])) : [];
      const leave = framed ? scaled(add(this.tall ? lower : right, last), 0.5) : this._mouth(f);
      yield* this._written(f, leave, null, this._over(this.bankItem, members, true, members.length, rank / per, 2));
    }
  }

  /** Where there are no filters: from the window's near side to the output cells; of a box over several channels from the
   * first and the last of these, each at its own depth. */
  *_directLines() {
    const window = this.window;
    const channels = this.shapes.output[0];
    const apart = this.lanesIn > 1;
    const own = !apart && this.axes < 3;
    const shown = own ? [...new Set([0, channels - 1])] : range(Math.min(channels, MOST_LINES));
    for (const [side, height] of Object.entries(SIDES)) {
      if (height && apart) continue;
      const on = window.taps ? `${window.name}-${side}` : window.name;
      for (const f of height ? [0] : shown) {
        const [center, size] = window.boxes[apart ? Math.floor((f * this.lanesIn) / channels) : 0];
        const over = this._over(this.inItem, [apart ? Math.floor((f * this.lanesIn) / channels) : 0], true);
        yield* this._written(f, add(center, [size[0] / 2, (own ? f : 0) - size[1] / 2, height * size[2]]), on, over);
      }
    }
  }

  /** The colour of a filter's lines: what it writes, on a light floor darker. */
  _shade(f) {
    return this._shadeOf(this.outColors ? this.outColors[f] : this.inColors[f * this.deep]);
  }

  _shadeOf(plain) {
    return this.look.theme === "light" ? scaled(plain, 0.55) : plain;
  }

  /** To the cell that a filter writes, in its hue; one that scatters is led to corners of the box over those to which it adds. */
  *_written(f, start, start_on, over) {
    const color = this._shade(f);
    const to = (end) => ({ start, start_on, end, end_on: "head-1", color });
    if (this.scatters) {
      const [center, size] = this.head.boxes[0];
      if (f === 0) for (const dz of [1, -1]) yield to(add(center, scaled([-size[0], -size[1], dz * size[2]], 0.5)));
      return;
    }
    const cell = this._spot(this.outItem, this.lanesOut, this.after, [(f * this.after[0]) / this.shapes.output[0], 0, 0]);
    const [channel, lane] = [(f * this.after[0]) / this.shapes.output[0], this.after[0] / this.lanesOut];
    const arrives = this._over(this.outItem, [Math.floor(channel / lane)], false, 1, (channel % lane) / lane);
    yield* along(to(add(subtract(cell, this.outItem.at(0, 0, 0, 0)), [0, -0.5, 0])), [...over, ...arrives]);
  }

  // Words

  _tableRows() {
    const { input, arguments: a } = this.setting;
    const axes = this.axes === 1 ? ["length"] : ["depth", "height", "width"].slice(-this.axes);
    const rows = [["", ["batch", "channels", ...axes].map((key) => this.words.say(key))]];
    const line = (name, shape, batch) => rows.push([name, [batch, ...shape.map((n) => n && count(n))]]);
    line(this.words.say("input"), input, "1");
    if (this.bank) line(this.words.say("kernel", this.bank[0]), [a.in_channels / a.groups, ...each(a.kernel_size, this.axes)], "");
    else if (Math.max(...this.extents) > 1) line(this.words.say("window"), ["", ...this.extents], "");
    line(this.words.say("output"), this.shapes.output, "1");
    return rows;
  }

  /** Widths of the table's columns, that of the names last. */
  _columns(rows) {
    const columns = rows[0][1].map((_, c) => rows.map(([, cells]) => cells[c] ?? ""));
    columns.push(rows.map(([name]) => name));
    return columns.map((texts) => Math.max(...texts.map(textWidth)) * CAPITAL.note + COLUMN_GAP);
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
    const lift = this.tall ? 2 : 0;
    put("cost-1", this._cost(), CAPITAL.note, this.tall ? left : right, low + (this.tall ? line : 0), this.tall ? "left" : "right", text);
    const total = `{step} / ${count(this.steps)}`;
    const counter = low + (this.tall ? 0 : line);
    const wide = textWidth(total.replace("{step}", count(this.steps))) * CAPITAL.note;
    put("step-1", total, CAPITAL.note, right, counter, "right", text, { steps: this.steps });
    put("step-name-1", this.words.say("step"), CAPITAL.note, right - wide - 4, counter, "right", text);
    const formulas = [...this.formulas].reverse();
    formulas.forEach((formula, i) => put(`formula-1-${i + 1}`, formula, CAPITAL.note, left, low + (i + lift) * line, "left", text));
    const above = low + (this.tall ? lift + formulas.length : Math.max(formulas.length, 1)) * line;
    for (const { name, body, up, ...spell } of this._told()) put(name, body, CAPITAL.note, left, above + up * line, "left", faint, spell);
    const halo = CAPITAL.label * HALO * pixel;
    for (const { name, body, x, y, align, ...spell } of this._atThings()) put(name, body, CAPITAL.label, x, y, align, text, { halo, ...spell });
    return found;
  }

  /** The frames on which products stand in the place of all weights, if a word can be read meanwhile. */
  _productsStand() {
    if (!this.meets) return null;
    const { start, end } = this.slow;
    const [reached, leaves] = this.parts;
    const [begin, last] = [(reached + ripened(reached, leaves)) / 2, leaves].map((share) => Math.floor(start + share * (end - start)));
    return last - begin >= WORD_SECONDS * this.look.fps ? { first: begin + 1, last } : null;
  }

  /** The labels of things and the numbers of their parts, and where they are, in reference pixels. */
  _atThings() {
    const line = CAPITAL.label * LINE_HEIGHT;
    const labels = this.items.flatMap(({ name, label }, i) => {
      const [x, y] = this.labels[i].map((side) => side / this.pixel);
      const lines = label.map((body, k) => ({ name: `label-${name}-${k + 1}`, body, x, y: y - CAPITAL.label * 1.3 - k * line, align: "center" }));
      const spell = this.items[i] === this.bankItem && this._productsStand();
      if (!spell) return lines;
      const [called, ...rest] = lines;
      const before = { ...called, last: spell.first - 1 };
      const again = { ...called, name: `${called.name}-again`, first: spell.last + 1 };
      return [before, { ...called, ...spell, name: `products-${name}`, body: this.words.say("products") }, again, ...rest];
    });
    const marks = this.items.flatMap(({ name, marks, corners, marksAbove }) =>
      marks.map((body, block) => {
        const [x, y] = corners[block].map((side) => side / this.pixel);
        const [right, align] = marksAbove ? [0, "left"] : [-HALO * CAPITAL.label, "right"];
        return { name: `mark-${name}-${block + 1}`, body, x: x + right, y: y - CAPITAL.label, align };
      }),
    );
    return [...labels, ...marks];
  }

  /** What it costs, in the first of ever shorter words that there is room for beside the formula. */
  _costs() {
    const { parameters, macs, landing, bias } = this.shapes;
    const { words } = this;
    const whole = words.counted("parameters", parameters);
    const parts = bias ? [words.counted("biases", bias[0]), count(bias[0])] : [];
    const wholes = [...parts.map((part) => `${count(parameters - bias[0])} + ${part} = ${whole}`), whole];
    const shares = this._shares();
    return wholes.flatMap((told) =>
      ["macs_long", "macs"].map((key) => {
        let spent = words.counted(key, macs);
        if (landing < macs) spent = words.say("landing", spent, count(landing));
        if (shares) spent = words.say("with_shares", words.counted(key, macs + shares));
        return `${told} · ${spent}`;
      }),
    );
  }

  _cost() {
    const costs = this._costs();
    const beside = this.tall || !this.formulas.length ? 0 : textWidth(this.formulas.at(-1)) + BETWEEN;
    const room = (this.page[0] - 2 * SIDE) / CAPITAL.note - beside;
    return costs.find((cost) => textWidth(cost) <= room) ?? costs.at(-1);
  }

  /** How many products of a cell and its share are added where an upsampling mixes cells. */
  _shares() {
    if (!this.setting.op.startsWith("Upsample") || this.setting.arguments.mode === "nearest") return 0;
    const met = this.stage.axes.map(({ at, coefficient }) =>
      range(at.shape[0]).map((p) => range(at.shape[1]).filter((k) => coefficient.data[p * at.shape[1] + k] !== 0).length),
    );
    const all = product(met.map((many) => many.reduce((a, b) => a + b, 0)));
    return this.setting.input[0] * (all - product(met.map((many) => many.filter((n) => n === 1).length)));
  }

  /** The size formula: its numbers have names where there is room for these beside what stands on their line. */
  _formulas() {
    if (!this.look.show.includes("formula")) return [];
    const [bare, named] = [formulasOf(this.setting), formulasOf(this.setting, (key, number) => this.words.say(`of_${key}`, number))];
    const costs = this._costs();
    const beside = (i) => (this.tall ? 0 : textWidth(i === bare.length - 1 ? costs[Math.min(3, costs.length - 1)] : this._counter()));
    const room = (this.page[0] - 2 * SIDE) / CAPITAL.note - BETWEEN;
    return named.every((each, i) => textWidth(each) + beside(i) <= room) ? named : bare;
  }

  /** What the counter says in the end. */
  _counter() {
    return `${this.words.say("step")}  ${count(this.steps)} / ${count(this.steps)}`;
  }

  /** The numbers of a tensor's channels where each stands alone. */
  _channelMarks(lanes, [channels]) {
    return lanes === channels && channels > 1 ? range(channels).map((c) => String(c + 1)) : [];
  }

  /** Those of the output's channels, or of the groups whose filters write it. */
  _outputMarks() {
    const [lanes, alone] = [this.lanesOut, this._channelMarks(this.lanesOut, this.after)];
    const groups = this.bank && 1 < lanes && lanes === this.groups && lanes <= MOST_MARKS;
    return alone.length || !groups ? alone : range(lanes).map((lane) => this.words.say("group", lane + 1));
  }

  /** The names of the input's lanes that hold several channels, or one that is a volume. */
  _laneMarks() {
    if (this.lanesIn === 1 || this.lanesIn > MOST_MARKS || this.before[0] === this.lanesIn) return [];
    const key = this.setting.input[0] > this.lanesIn ? "group" : "one_channel";
    return range(this.lanesIn).map((lane) => this.words.say(key, lane + 1));
  }

  /** The numbers of filters. */
  _filterMarks() {
    const [filters] = this.bank;
    return filters === 1 || filters > MOST_MARKS ? [] : range(filters).map((f) => String(f + 1));
  }

  /** The first step's phases, and before and after these what else there is to say. */
  _told() {
    if (this.kind.move || this.setting.op === "Upsample") return [];
    const { start: begin, end } = this.slow;
    const found = [];
    let first = Math.floor(begin) + 1;
    const spoken = (name, body, from, to) => to >= from && found.push({ name, body, up: 0, first: from, last: to });
    const spells = [[1, first - 1]];
    const [reached, leaves, summed] = this.parts;
    const ends = [LAND, ripened(reached, leaves), ...(this.addsBias ? [summed] : []), WRITE, 1];
    this._phases().forEach((body, i) => {
      const last = Math.floor(begin + ends[i] * (end - begin));
      spoken(`phase-1-${i + 1}`, body, first, last);
      first = Math.max(first, last + 1);
    });
    spells.push([first, this.frames]);
    const pieces = spells
      .flatMap(([from, to]) => [...this._pieces(from, to)])
      .filter(([from, to]) => from <= to)
      .map(([from, to, deep]) => [from, to, deep ? this.opened : this.story]);
    this._withScale(pieces).forEach(([from, to, lines], piece) => {
      lines.forEach((body, i) =>
        found.push({ name: `story-1-${piece + 1}-${i + 1}`, body, up: lines.length - 1 - i, first: from, last: to }),
      );
    });
    return found;
  }

  /** The same, but the first half of the longest spell of the story tells how lightness follows numbers. */
  _withScale(pieces) {
    const spells = pieces.filter(([, , lines]) => lines === this.story);
    const longest = spells.reduce((best, spell) => (spell[1] - spell[0] > best[1] - best[0] ? spell : best), spells[0]);
    if (!this.scale.length || !longest) return pieces;
    const [from, to, lines] = longest;
    const half = Math.floor((from + to) / 2);
    if (half - from < SCALE_SECONDS * this.look.fps) return pieces;
    return pieces.flatMap((piece) => (piece === longest ? [[from, half, this.scale], [half + 1, to, lines]] : [piece]));
  }

  /** Frames cut where cells are small, as the window is behind them, deep in a volume: from, to, and whether they are. */
  *_pieces(from, to) {
    for (const { first, last } of this._opened()) {
      const [begin, end] = [Math.max(first, from), Math.min(last, to)];
      if (begin > end) continue;
      yield [from, begin - 1, false];
      yield [begin, end, true];
      from = end + 1;
    }
    yield [from, to, false];
  }

  _opened() {
    const spells = [];
    for (const beat of this.opened.length ? this.beats : []) {
      const [first, last] = [Math.floor(beat.start) + 1, Math.floor(beat.end)];
      if (this._position(beat.last)[0] === 0 || first > last) continue;
      if (spells.at(-1)?.last === first - 1) spells.at(-1).last = last;
      else spells.push({ first, last });
    }
    return spells;
  }

  /** On lines in the lower left corner, beside the counter where there is room for both. */
  _stacked(text) {
    const whole = (this.page[0] - 2 * SIDE) / CAPITAL.note;
    return text ? brokenWords(text, this.tall ? whole : Math.min(NOTE_SHARE * whole, whole - 2)) : [];
  }

  /** What is seen of padding. */
  _padding() {
    const { arguments: a, op } = this.setting;
    if (!this.inItem.pad.flat().some(Boolean)) return "";
    const mode = a.padding_mode ?? "zeros";
    if (this.bank) return this.words.say(`around_${mode}${mode === "zeros" && this.numbers ? "_shown" : ""}`);
    if (op.startsWith("AvgPool")) return this.words.say((a.count_include_pad ?? true) ? "padding_mean" : "padding_apart");
    return this.stage.reduce === "max" ? this.words.say("padding_max") : "";
  }

  /** The phases of the first step: what is read, what is done with it, what comes of that, what is written. */
  _phases() {
    const { words } = this;
    const wide = (this.page[0] - 2 * SIDE) / CAPITAL.note;
    const room = this.tall ? wide : wide - textWidth(this._counter()) - 1;
    const phases = this.bank ? this._multiplied(room) : this._pooled(room);
    const one = this.numbers && this._sum();
    if (!one) return phases;
    const who = this.shapes.output[0] > 1 ? words.say(this.bank ? "one_filter" : "one_channel", 1) : "";
    return narrated(words, one, phases, room, who);
  }

  _multiplied(room) {
    const { words, stage } = this;
    const filters = this.bank[0];
    const products = product(this.bank.slice(1));
    const alone = filters === 1 ? "_alone" : "";
    if (this.scatters) {
      const kernel = product(this.bank.slice(1)) / stage.fan_in;
      const all = (filters / this.groups) * kernel;
      const place = this._corner(true);
      const size = [this.after[0] / this.shapes.output[0], ...this.after.slice(1)];
      const [kd, kh, kw] = [kernel / (this.bank[2] * this.bank[3]), this.bank[2], this.bank[3]];
      const inside = range(kernel).filter((k) => place(...unravel(k, [kd, kh, kw])).every((p, axis) => p >= 0 && p < size[axis]));
      const landed = (filters / this.groups) * inside.length;
      const spread = words.counted(landed === all ? "spread" : "spread_cut", all, count(landed));
      return [words.say("land_one"), words.counted("scatter", all), spread, words.say("add")];
    }
    const reads = products * this.groups;
    const lands = words.counted(this.lanesIn > 1 ? "land_windows" : "land", reads, this.lanesIn);
    const padded = this.setting.arguments.padding_mode === "zeros" ? reads - this._inside() : 0;
    const land = this._withPadding(lands, reads, padded, "padded", room);
    const multiply = words.counted(products < reads ? "multiply_part" : `multiply${alone}`, products);
    const sum = words.counted(this.setting.arguments.bias ? "sum_bias" : "sum", products);
    return [land, multiply, sum, words.say(filters > 1 ? "write_filters" : "write")];
  }

  /** What is read, and how many of so many cells are padding, if any. */
  _withPadding(lands, reads, padded, how, room) {
    if (!padded) return lands;
    const whole = this.words.say(`land_${how}`, lands, count(padded));
    return textWidth(whole) + LISTED <= room ? whole : this.words.say(`land_${how}_short`, count(reads), count(padded));
  }

  _pooled(room) {
    const { words } = this;
    const reads = this._touched();
    const padded = reads - this._inside() / this.setting.input[0];
    let does = this.stage.reduce === "max" ? "max" : "mean";
    if (product(this._most()) === 1) does = "each";
    const done = words.say(does);
    return [this._withPadding(words.counted("land", reads), reads, padded, "pooled", room), done, done, words.say(this.shapes.output[0] > 1 ? "write_each" : "write")];
  }

  /** How many cells the window touches that is told of, padding included; and every window at most, along each axis. */
  _touched() {
    const { depth, rows, columns } = this.windows;
    const [z, h, w] = this._position(this.telling);
    return (depth?.counts[z] ?? 1) * rows.counts[h] * columns.counts[w];
  }

  /** How many of the cells that are read then, in all channels, are not on padding. */
  _inside() {
    const at = this._position(this.telling).slice(-this.axes);
    const spans = [this.windows.depth, this.windows.rows, this.windows.columns].slice(-this.axes);
    const met = spans.map(({ first, counts, distance }, axis) => {
      const cells = range(counts[at[axis]]).map((k) => first[at[axis]] + k * distance);
      return cells.filter((cell) => cell >= 0 && cell < this.setting.input[axis + 1]).length;
    });
    return product(met) * this.setting.input[0];
  }

  _most() {
    const { depth, rows, columns } = this.windows;
    return [depth, rows, columns].map((span) => Math.max(...(span?.counts ?? [1])));
  }

  /** What the first filter, or channel, makes of the first window; null where a pool's stands on padding alone. */
  _sum() {
    const { values, stage } = this;
    const result = this.y[this.telling];
    const plain = { result, whole: true, weights: null, channels: [], bias: null, seen: false, scatters: false, divisor: null };
    if (this.scatters) {
      const weights = [...values.weight.slice(0, product(this.bank.slice(1)) / stage.fan_in)];
      return { ...plain, cells: weights.map(() => values.x[0]), weights, channels: weights.map(() => 0), scatters: true };
    }
    const taps = tapsOf(stage, this.telling);
    if (!taps.length) return null;
    const cells = taps.map((tap) => (tap.input < 0 ? 0 : values.x[tap.input]));
    if (this.bank) {
      const slice = product(this.bank.slice(1)) / stage.fan_in;
      const weights = taps.map((tap) => values.weight[tap.weight]);
      const channels = taps.map((tap) => Math.floor(tap.weight / slice) % stage.fan_in);
      return { ...plain, cells, weights, channels, bias: values.bias ? values.bias[0] : null, seen: this.addsBias, whole: this.groups === 1 };
    }
    const whole = cells.length === this._touched();
    return { ...plain, cells, whole, divisor: stage.reduce === "sum" ? 1 / taps[0].coefficient : null };
  }

  _live() {
    const f32 = (values) => (values ? packed(Float32Array.from(values)) : null);
    const tensor = (cells, shape, told, values) => ({ cells, shape, told, batched: false, values: f32(values) });
    const stage = { ...this.stage, filters: this.bank ? "filters-1" : null, biases: this.biased ? "biases-1" : null, weight: f32(this.values.weight), bias: f32(this.values.bias), formula: "" };
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
  return { name, track: way, first, last, boxes, counts, spacing, taps: null, parts, bar: 0.09, opens: false, samples: [] };
}

/** Cells as a storyboard has them; what is not given is as of cells that stand still from the first frame on. */
function made(name, role, shape, index, { position, color, anchor, origin, start, arrive, via, bow, becomes, ...more }) {
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
    bow: bow ? floats(bow) : null,
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
const digitsWidth = (text) => [...text].reduce((sum, c) => sum + ({ ".": 0.38, [MINUS]: 0.46, e: 0.79 }[c] ?? 0.81), 0);

/** A line from its start to its end by way of these points, piece by piece. */
function along({ start, start_on, end, end_on, color }, points) {
  const starts = [[start, start_on], ...points.map((at) => [at, null])];
  const ends = [...points.map((at) => [at, null]), [end, end_on]];
  return starts.map(([from, on], i) => ({ start: from, start_on: on, end: ends[i][0], end_on: ends[i][1], color }));
}

/** Words on lines, broken at spaces and in Chinese; where a clause ends if that takes no more lines, none half empty. */
function brokenWords(text, width) {
  const filled = (parts) => {
    const lines = [""];
    for (const part of parts) {
      if (lines.at(-1) && textWidth(lines.at(-1) + part.trimEnd()) > width) lines.push("");
      lines[lines.length - 1] += part;
    }
    return lines.map((line) => line.trimEnd());
  };
  const lines = filled(text.split(/(?<=[ ，；。：])|(?<=[一-鿿])(?=[一-鿿])/));
  const clauses = filled(text.split(/(?<=[;:] )|(?<=[，；。：])/));
  const full = clauses.slice(0, -1).every((line) => textWidth(line) >= 0.5 * width);
  const fit = full && Math.max(...clauses.map(textWidth)) <= width;
  return fit && clauses.length === lines.length ? clauses : lines;
}

/** A call on several lines, broken after commas. */
function broken(call, width) {
  const lines = [""];
  for (const part of call.split(/(?<=, )/)) {
    if (lines.at(-1).trim() && textWidth(lines.at(-1) + part.trimEnd()) > width) lines.push("    ");
    lines[lines.length - 1] += part;
  }
  return lines.map((each) => each.trimEnd());
}
