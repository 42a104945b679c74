/**
 * The storyboard in time, as `scenes/story.py` has it: tracks, and what follows from them.
 *
 * @typedef {import("./pack.js").Packed} Packed
 * @typedef {{frames: Packed, values: Packed, eases: string[]}} Track frames (k,), values (k, d)
 * @typedef {{name: string, role: string, shape: number[], index: Packed, position: Packed, color: Packed,
 *   origin: Packed, start: Packed, arrive: Packed, anchor: Packed, lit_by: string | null, via: Packed | null,
 *   bow: Packed | null, becomes: Packed | null, rest: [number, number], swells: number, end: number | null,
 *   scale: number, extent: Packed | null, numbers: Numbers[]}} Cells
 * @typedef {{cell: Packed, value: Packed, color: Packed, size: number, first: number, last: number | null,
 *   until: Packed | null, narrow: Packed}} Numbers
 * @typedef {{name: string, track: Track, first: number, last: number, boxes: number[][][], counts: number[],
 *   spacing: number[], taps: Track | null, parts: number[][][], bar: number, opens: boolean,
 *   samples: string[]}} Mover
 */

/** `start` of a cell that is there from the first frame. */
export const ALWAYS = -1;
/** Steps in which the cells under a window begin to glow if it has landed before its first step. */
const AT_ONCE = 0.1;

/** Progress 0..1 after easing; "cubic" is Penner's ease-in-out. */
export function ease(kind, u) {
  if (kind === "constant") return 0;
  if (kind === "linear") return u;
  return u < 0.5 ? 4 * u ** 3 : 1 - (2 - 2 * u) ** 3 / 2;
}

/**
 * The value (d,) of a track at a frame; before the first key and after the last one the curve is level.
 * @param {Track} track
 * @param {number} frame
 * @param {number[]} out
 */
export function trackAt(track, frame, out = []) {
  const frames = track.frames.data;
  const values = track.values.data;
  const width = track.values.shape[1];
  let low = 0;
  let high = frames.length; // the first key after the frame
  while (low < high) {
    const middle = (low + high) >> 1;
    if (frames[middle] <= frame) low = middle + 1;
    else high = middle;
  }
  const i = low - 1;
  const last = frames.length - 1;
  if (i < 0 || i >= last) {
    const key = i < 0 ? 0 : last;
    for (let d = 0; d < width; d++) out[d] = values[key * width + d];
    return out;
  }
  const u = ease(track.eases[i], (frame - frames[i]) / (frames[i + 1] - frames[i]));
  for (let d = 0; d < width; d++) {
    const from = values[i * width + d];
    out[d] = from + (values[(i + 1) * width + d] - from) * u;
  }
  return out;
}

/** A storyboard with what is looked up in it again and again. */
export class Story {
  /** @param {any} board */
  constructor(board) {
    this.board = board;
    this.frames = board.frames;
    this.steps = board.steps;
    /** @type {Cells[]} */
    this.cells = board.cells;
    /** @type {Map<string, Mover>} */
    this.movers = new Map(board.movers.map((mover) => [mover.name, mover]));
    this._spells = new Map();
  }

  /** The step at a frame. */
  step(frame) {
    return trackAt(this.board.step, frame)[0];
  }

  /** The first frame at which `step` steps are done, and nothing moves. */
  frameOf(step) {
    if (step <= 0) return 1;
    const settled = this.board.settled.data;
    return Math.min(Math.max(1, settled[Math.min(step, settled.length) - 1]), this.frames);
  }

  /**
   * Of a mover: between which steps the cells that it touches begin to glow, and the step that ends it.
   * @param {Mover} mover
   */
  spell(mover) {
    let known = this._spells.get(mover.name);
    if (!known) {
      const appears = this.step(mover.first);
      const lands = Math.max(this.step(mover.track.frames.data[1]), appears + AT_ONCE);
      known = { appears, lands, leaves: Math.ceil(this.step(mover.last)) };
      this._spells.set(mover.name, known);
    }
    return known;
  }

  /** What lights cells: the mover itself or its samples. */
  lights(mover) {
    return mover.samples.length ? mover.samples.map((name) => this.movers.get(name)) : [mover];
  }

  /** How many cells a mover touches along x, y and z. */
  counts(mover, frame) {
    return mover.taps ? trackAt(mover.taps, frame) : mover.counts;
  }

  /** Centre and size of a mover's boxes, relative to its location. */
  boxes(mover, frame) {
    const grown = this.counts(mover, frame).map((count, i) => (count - mover.counts[i]) * mover.spacing[i]);
    return mover.boxes.map(([center, size]) => [
      center.map((c, i) => c + grown[i] / 2),
      size.map((s, i) => s + Math.sign(mover.spacing[i]) * grown[i]),
    ]);
  }

  /** What a caption says at a frame; null if it is not seen. */
  said(caption, frame) {
    if (Math.floor(frame) < caption.first || Math.floor(frame) > caption.last) return null;
    if (!caption.body.includes("{step}")) return caption.body;
    const step = Math.ceil(Math.fround(this.step(frame)) - Math.fround(caption.first_step));
    return caption.body.replace("{step}", Math.min(Math.max(step, 1), caption.steps).toLocaleString("en"));
  }

  /** What the camera looks at, the picture's width there, and how far it has turned. */
  view(frame) {
    const camera = this.board.camera;
    const [x, y, z, width] = camera.travel ? trackAt(camera.travel, frame) : [...camera.target, camera.width];
    return { target: [x, y, z], width, angle: camera.turn ? trackAt(camera.turn, frame)[0] : 0 };
  }
}
