/** Which step of a single operation is under way at which frame, as `scenes/pacing.py` has it. */

const [TITLE_SECONDS, RESULT_SECONDS] = [0.8, 1.9];
const [FIRST_STEP_SECONDS, READING_SECONDS, LAST_STEP_SECONDS] = [2.6, 0.75, 0.7];
export const READING_STEPS = 3;
/** So many phases has the first step; where a bias is added, there is one more. */
const PHASES = 4;
const SLOW_SHARE = 0.55;
const BEAT_SHARE = 0.72;
const SINGLE_STEPS = 300;
/** The part of a step in slow motion, of any other, of a row that is swept, and of one after others that pass, in which
 * the window comes to where it stands. */
export const [LAND, ARRIVE, SWEEP_ARRIVE, SKIP_ARRIVE] = [0.2, 0.4, 0.1, 0.3];
/** Past so many rows a window hurries along each of them. */
const MOST_HURRIED = 3;
/** Frames that a window needs at least along a row, and back: in fewer nobody sees it go. */
export const STROKE = 4;

/** To a whole number; one half-way between two goes to the even one, as in Python. */
function even(x) {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + Math.abs(low % 2) : Math.round(x);
}

const sum = (list) => list.reduce((a, b) => a + b, 0);

/** From one number to another in so many steps. */
const spread = (from, to, steps) => Array.from({ length: steps + 1 }, (_, i) => (i === steps ? to : from + ((to - from) * i) / steps));

/**
 * @typedef {{first: number, last: number, start: number, end: number, slow: boolean, swept: boolean}} Beat
 *   steps `first..last` between two frames
 */

/**
 * The beats of so many steps, and the number of frames.
 * @param {{steps: number, row: number, plane: number, fps: number, seconds: number, slides: boolean, telling: number,
 *   biased: boolean}} told `row` and `plane` are how many steps make these; of what `slides`, the step that is `telling`
 *   is apart, and slow; whether in that a bias is added
 * @returns {{beats: Beat[], frames: number}}
 */
export function beatsOf({ steps, row, plane, fps, seconds, slides, telling, biased }) {
  const frames = Math.max(2, even(seconds * fps));
  const first = 1 + even(Math.min(TITLE_SECONDS * fps, 0.1 * frames));
  const last = frames - even(Math.min(RESULT_SECONDS * fps, 0.15 * frames));
  const many = Math.max(1, Math.floor(BEAT_SHARE * frames));
  const run = [1, row, plane].find((size) => Math.ceil(steps / size) <= (size === 1 ? Math.min(SINGLE_STEPS, many) : many)) ?? steps;
  const cuts = new Set(slides ? [telling, telling + 1].filter((cut) => cut < steps) : []);
  for (let start = 0; start < steps; start += run) cuts.add(start);
  const starts = [...cuts].sort((a, b) => a - b);
  const sizes = starts.map((start, i) => (starts[i + 1] ?? steps) - start);
  const slow = slides ? starts.indexOf(telling) : 0;
  const longest = (FIRST_STEP_SECONDS * (PHASES + (biased ? 1 : 0))) / PHASES;
  const bounds = boundsOf(durationsOf(sizes, slow, longest, fps, last - first), first, last);
  const beats = sizes.map((size, i) => ({
    first: starts[i],
    last: starts[i] + size - 1,
    start: bounds[i],
    end: bounds[i + 1],
    slow: i === slow,
    swept: size > 1,
  }));
  return { beats, frames };
}

/** Frames of each beat: slow, then reading speed, then faster and faster, the last one slow. */
function durationsOf(sizes, telling, longest, fps, room) {
  const count = sizes.length;
  const fast = new Array(count).fill(0);
  const slow = sizes.map((size, i) => {
    if (i === telling || (size > 1 && i === count - 1 && i === 1)) return longest * fps;
    if (i === 0 || (i <= READING_STEPS && count > READING_STEPS + 2)) return READING_SECONDS * fps;
    if (i === count - 1) return LAST_STEP_SECONDS * fps;
    fast[i] = 1 + 1.2 * Math.max(0, 1 - (i - READING_STEPS) / 6);
    return 0;
  });
  const weights = sum(fast);
  if (!weights) return slow.map((x) => (x * room) / sum(slow));
  const budget = Math.min(SLOW_SHARE * room, Math.max(room - weights, slow.filter(Boolean).length));
  const shrink = Math.min(1, budget / sum(slow));
  const each = (room - sum(slow) * shrink) / weights;
  const most = READING_SECONDS * fps;
  if (Math.max(...fast) * each <= most) return slow.map((x, i) => x * shrink + fast[i] * each);
  const wish = slow.map((x, i) => (fast[i] ? most : x * shrink));
  return wish.map((x) => (x * room) / sum(wish));
}

/** Frames at which beats begin and end: whole ones wherever each beat can have one of its own. */
function boundsOf(durations, first, last) {
  const exact = [first];
  for (const duration of durations) exact.push(exact.at(-1) + duration);
  exact[exact.length - 1] = last;
  if (durations.length > last - first) return exact;
  const whole = exact.map(even);
  for (let i = 1; i < whole.length; i++) whole[i] = Math.max(whole[i], whole[i - 1] + 1);
  whole[whole.length - 1] = last;
  for (let i = whole.length - 2; i > 0; i--) whole[i] = Math.min(whole[i], whole[i + 1] - 1);
  return whole;
}

/**
 * A window's ways along beats: it sets out at `start`, `stands` at its first step, and has come to its last one at `end`.
 * @param {Beat[]} beats
 * @param {number} row
 */
export function strokesOf(beats, row) {
  const groups = [];
  for (const beat of beats) {
    const group = groups.at(-1);
    if (group?.swept && !beat.slow && group.end - group.start < STROKE) {
      Object.assign(group, { last: beat.last, end: beat.end });
      continue;
    }
    const part = beat.swept ? SWEEP_ARRIVE : beat.slow ? LAND : ARRIVE;
    groups.push({ ...beat, stands: beat.start + part * (beat.end - beat.start) });
  }
  const ways = [];
  for (const group of groups) {
    const above = Math.floor(group.first / row);
    const rows = Math.floor(group.last / row) + 1 - above;
    const whole = above === 0 && group.last === beats.at(-1).last;
    const count = Math.min(rows, Math.max(Math.floor((group.end - group.stands) / STROKE), whole ? 2 : 1));
    const starts = [group.start, ...spread(group.stands, group.end, count).slice(1)];
    const chosen = count > 1 ? spread(0, rows - 1, count - 1).map(even) : [rows - 1];
    let following = group.first;
    chosen.forEach((at, k) => {
      const [start, end] = [starts[k], starts[k + 1]];
      let first = Math.max((above + at) * row, group.first);
      const last = Math.min((above + at + 1) * row - 1, group.last);
      let { stands } = group;
      let leaves = start;
      if (k) stands = start + SWEEP_ARRIVE * (end - start);
      if (first > following) {
        const turns = [following];
        for (let turn = (Math.floor(following / row) + 1) * row; turn < first; turn += row) turns.push(turn);
        const hurried = turns.length;
        if (hurried > MOST_HURRIED) first = following;
        else {
          const arrived = start + SKIP_ARRIVE * (end - start);
          const times = spread(start, arrived, hurried);
          turns.forEach((one, i) => {
            const [from, to] = [times[i], times[i + 1]];
            const last = (turns[i + 1] ?? first) - 1;
            ways.push({ first: one, last, start: from, stands: from + SWEEP_ARRIVE * (to - from), end: to, waits: group.swept });
          });
          leaves = arrived;
          stands = arrived + SWEEP_ARRIVE * (end - arrived);
        }
      }
      ways.push({ first, last, start: leaves, stands, end, waits: group.swept });
      following = last + 1;
    });
  }
  return ways;
}

/** Keys of how many steps are done: frames, and steps at these. */
export function paceOf(beats, row) {
  const keys = [];
  let done = 0;
  for (const way of row ? strokesOf(beats, row) : beats) {
    keys.push([way.start, done]);
    if (way.waits && way.stands > way.start) keys.push([way.stands, way.first]);
    done = way.last + 1;
  }
  return [...keys, [beats.at(-1).end, done]];
}

/** The first frames at which 1, 2, ... so many steps are done, of these keys. */
export function settledOf(keys, steps) {
  let after = 1;
  return Float64Array.from({ length: steps }, (_, i) => {
    while (keys[after][1] < i + 1) after++;
    const [[from, before], [to, done]] = [keys[after - 1], keys[after]];
    return from + ((i + 1 - before) / (done - before)) * (to - from);
  });
}
