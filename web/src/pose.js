/** Where everything is at a frame, as `scenes/pose.py` has it; the picture's shaders do the same for every cell. */

import { CLOSING, COVER, NEWBORN, OPENED, RIPENING } from "./form.js";
import { ALWAYS, trackAt } from "./story.js";

const f = Math.fround;

/** 0 up to `start`, 1 from `end` on, smooth between. */
export function progress(value, start, end) {
  const span = f(f(end) - f(start));
  const u = span === 0 ? 0 : Math.min(Math.max(f(f(value) - f(start)) / span, 0), 1);
  return u * u * (3 - 2 * u);
}

/** When travellers that rest for this time have turned into what they are multiplied to. */
export const ripened = (reached, leaves) => reached + RIPENING * (leaves - reached);

/** The steps between which travellers take on the other colour. */
export const ripens = ({ rest }) => [rest[0], ripened(...rest)];

/** Whether some of the cells are not there from the first frame. */
export function moves(cells) {
  if (cells.moves === undefined) cells.moves = cells.start.data.some((start) => start !== ALWAYS);
  return cells.moves;
}

/**
 * The cells of a tensor at a frame.
 * @param {import("./story.js").Story} story
 * @param {import("./story.js").Cells} cells
 * @param {number} frame
 * @returns {{shown: Uint8Array, place: Float32Array, size: Float32Array, lit: Float32Array, ripe: number,
 *   written: Uint8Array[]}} for every cell whether it is seen, its place (n, 3), its size in pitches, how far it is lit;
 *   how far, 0..1, the colour has turned into `becomes`; and of each of the cells' numbers which are seen
 */
export function pose(story, cells, frame) {
  const count = cells.start.data.length;
  const step = story.step(frame);
  const at = f(step);
  const gone = cells.end !== null && step >= cells.end;
  const shown = new Uint8Array(count);
  for (let i = 0; i < count; i++) shown[i] = cells.start.data[i] < at && !gone ? 1 : 0;
  const place = Float32Array.from(cells.position.data);
  const size = new Float32Array(count).fill(1);
  if (moves(cells)) (cells.via ? detour : flight)(cells, step, place, size);
  if (cells.scale !== 1) for (let i = 0; i < count; i++) size[i] *= cells.scale;
  const ripe = cells.becomes ? progress(step, ...ripens(cells)) : 0;
  const lit = new Float32Array(count);
  const mover = cells.lit_by && story.movers.get(cells.lit_by);
  if (mover) {
    light(story, cells, mover, frame, step, lit);
    if (mover.opens) open(story, cells, mover, frame, step, size);
  }
  const written = cells.numbers.map((numbers) => {
    const seen = at > f(numbers.first) && (numbers.last === null || at <= f(numbers.last));
    return Uint8Array.from(numbers.cell.data, (cell, i) =>
      seen && shown[cell] && (!numbers.until || at <= numbers.until.data[i]) ? 1 : 0,
    );
  });
  return { shown, place, size, lit, ripe, written };
}

/** From the origin to the place, growing. */
function flight(cells, step, place, size) {
  const at = f(step);
  for (let i = 0; i < size.length; i++) {
    const arrived = cells.arrive.data[i] <= at;
    const u = arrived ? 1 : progress(step, cells.start.data[i], cells.arrive.data[i]);
    const aside = 4 * u * (1 - u);
    for (let k = 3 * i; !arrived && k < 3 * i + 3; k++) {
      place[k] = between(cells.origin.data[k], place[k], u) + (cells.bow ? cells.bow.data[k] * aside : 0);
    }
    size[i] = NEWBORN + u * (1 - NEWBORN);
  }
}

/** From the origin to the stop on the way, small in between; a rest there; then to the place, shrinking. */
function detour(cells, step, place, size) {
  for (let i = 0; i < size.length; i++) {
    const there = progress(step, cells.start.data[i], cells.rest[0]);
    const on = progress(step, cells.rest[1], cells.arrive.data[i]);
    const flown = there * (1 - there);
    for (let k = 3 * i; k < 3 * i + 3; k++) {
      let stop = between(cells.origin.data[k], cells.via.data[k], there);
      if (cells.bow) stop += cells.bow.data[k] * 4 * flown;
      place[k] = between(stop, cells.position.data[k], on);
    }
    size[i] = COVER - (2 * flown + on * (COVER - NEWBORN));
    if (cells.swells !== 1) size[i] *= 1 + (cells.swells - 1) * there * (1 - on);
  }
}

function between(a, b, u) {
  return a + (b - a) * u;
}

/** 1 on the cells that the window touches, falling to 0 one cell off; of its samples their shares, 1 at the most. */
function light(story, cells, mover, frame, step, lit) {
  const { appears, lands, leaves } = story.spell(mover);
  if (step >= leaves) return;
  const there = progress(step, appears, lands);
  for (const each of story.lights(mover)) {
    const window = trackAt(each.track, frame);
    const counts = story.counts(each, frame);
    for (let i = 0; i < lit.length; i++) {
      let near = there;
      for (let d = 0; d < 3; d++) {
        const at = (cells.anchor.data[3 * i + d] - window[d]) / each.spacing[d];
        const tap = Math.min(Math.max(Math.round(at), 0), counts[d] - 1);
        near *= Math.max(1 - Math.abs((at - tap) * each.spacing[d]), 0);
      }
      lit[i] = Math.min(lit[i] + near, there);
    }
  }
}

/** Cells before the window are smaller, those in the first slice that it touches are as they were. */
function open(story, cells, mover, frame, step, size) {
  const { appears, lands, leaves } = story.spell(mover);
  const y = trackAt(mover.track, frame)[1];
  const there = progress(step, appears, lands) * (1 - progress(step, leaves - CLOSING, leaves));
  for (let i = 0; i < size.length; i++) {
    const before = Math.min(Math.max(y - cells.anchor.data[3 * i + 1], 0), 1);
    size[i] *= 1 - (1 - OPENED) * before * there;
  }
}

/**
 * Both ends of the lines that are seen at a frame, [x, y, z, x, y, z] each; none if they are not.
 * @param {import("./story.js").Story} story
 */
export function linesAt(story, lines, frame) {
  const step = story.step(frame);
  if (!(lines.first < step && step < lines.last)) return [];
  const moved = new Map();
  const end = (at, on) => {
    if (on === null) return at;
    if (!moved.has(on)) moved.set(on, trackAt(story.movers.get(on).track, frame));
    return at.map((value, i) => value + moved.get(on)[i]);
  };
  return lines.lines.map((line) => [...end(line.start, line.start_on), ...end(line.end, line.end_on)]);
}
