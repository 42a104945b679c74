/** How cells fly past what stands beside their way, as `scenes/swerve.py` has it. */

import { add, dot, scaled, subtract, unit } from "./view.js";

const SWERVES = [0, 1, 2, 3, 4, 6, 8];
const [WORTH, FOLLOWED, BESIDE, LANDING, HIDDEN] = [0.0025, 25, 0.28, 1, 4];
/** Of flights of which no words tell. */
export const UNTOLD = -1;
const SHARES = Array.from({ length: 19 }, (_, k) => (k + 1) / 20);

/**
 * How far (n, 3) flights between these places (n, 3) are to be from the straight way in its middle; undefined: not at
 * all. Those of one step of which words tell go the same way, side by side, within the picture; so do all that are
 * untold.
 * @param {number[][]} origin
 * @param {number[][]} end
 * @param {{view: {right: number[], up: number[], forward: number[]}, boxes: number[][][], plates: number[][],
 *   room: number[][], told?: (flight: number) => number}} among `boxes` are the lowest and highest corners of what
 *   stands there; along the picture's right and its up, `plates` are what words hide of what is behind them, from left
 *   and below to right and above, `room` is from and to where anything may fly
 */
export function swerve(origin, end, { told = () => UNTOLD, ...among }) {
  const flying = origin.map((_, i) => i).filter((i) => origin[i].some((x, k) => x !== end[i][k]));
  const bow = origin.map(() => [0, 0, 0]);
  for (const step of new Set(flying.map(told))) {
    const mine = flying.filter((i) => told(i) === step);
    const own = bowOf(mine.map((i) => [origin[i], end[i]]), step !== UNTOLD, among);
    for (const i of mine) bow[i] = own;
  }
  return bow.some((own) => own.some(Boolean)) ? bow : undefined;
}

/** The same (3,) of flights that go side by side; whether they are to be `seen` all the way. */
function bowOf(flights, seen, { view: { right, up, forward }, boxes, plates, room }) {
  const many = Math.min(flights.length, FOLLOWED);
  const chosen = Array.from({ length: many }, (_, i) => flights[many > 1 ? Math.floor((i * (flights.length - 1)) / (many - 1)) : 0]);
  const sides = [right, up];
  const flat = sides.map((side) => flights.map((ends) => ends.map((at) => dot(at, side))));
  const reach = sides.map((side) => BESIDE * side.reduce((sum, x) => sum + Math.abs(x), 0));
  const told = plates.map(([a, b, c, d]) => [a - reach[0], b - reach[1], c + reach[0], d + reach[1]]);
  const bounds = sides.map((side, s) => {
    const beside = reach[s];
    return SHARES.map((u) => {
      let [low, high] = [Infinity, -Infinity];
      for (const [from, to] of flat[s]) {
        const at = from + (to - from) * u;
        [low, high] = [Math.min(low, at - beside), Math.max(high, at + beside)];
      }
      return [low, high];
    });
  });
  const fits = (way) =>
    sides.every((side, s) =>
      SHARES.every((u, k) => {
        const off = 4 * u * (1 - u) * dot(way, side);
        return bounds[s][k][0] + off >= room[s][0] && bounds[s][k][1] + off <= room[s][1];
      }),
    );
  const costOf = (way, most) => {
    const far = Math.hypot(...way);
    let cost = WORTH * SHARES.length * chosen.length * far;
    if (cost >= most || (far && !fits(way))) return Infinity;
    const looks = [];
    for (const u of SHARES)
      for (const [from, to] of chosen) {
        const at = from.map((x, axis) => x + (to[axis] - x) * u + 4 * u * (1 - u) * way[axis]);
        if (Math.hypot(...subtract(at, to)) >= LANDING) looks.push([at, seen && Math.hypot(...subtract(at, from)) >= LANDING]);
      }
    for (const [at, behind] of looks) {
      const [x, y] = [dot(at, right), dot(at, up)];
      if (told.some(([left, low, end, high]) => x > left && x < end && y > low && y < high)) cost += HIDDEN;
      for (const box of boxes) {
        const side = sideOf(at, box, forward);
        if (side > 0) cost += 1;
        else if (side < 0 && behind) cost += HIDDEN;
        if (cost >= most) return Infinity; // no better than what is known
      }
    }
    return cost;
  };
  const away = unit([forward[0], forward[1], 0]);
  let ways = SWERVES.map((far) => scaled(away, far));
  if (seen) {
    const onward = flat.map((all) => all.reduce((sum, [from, to]) => sum + (to - from) / all.length, 0));
    const long = Math.max(Math.hypot(...onward), LANDING);
    const aside = add(scaled(right, -onward[1] / long), scaled(up, onward[0] / long));
    ways = SWERVES.flatMap((far) =>
      [far, -far].flatMap((off) => SWERVES.map((near) => subtract(scaled(aside, off), scaled(forward, near)))),
    );
  }
  let best = { way: ways[0], cost: Infinity };
  ways.sort((one, other) => Math.hypot(...one) - Math.hypot(...other));
  for (const way of ways) {
    const cost = costOf(way, best.cost);
    if (cost < best.cost) best = { way, cost };
  }
  return best.way;
}

/** Whether something at a place is before a box, 1, or in it or behind it, −1; 0: it is seen beside it. */
function sideOf(at, [low, high], forward) {
  let [enter, leave] = [-Infinity, Infinity];
  for (let axis = 0; axis < 3; axis++) {
    const beside = axis === 1 ? 0 : BESIDE;
    const a = (low[axis] - beside - at[axis]) / forward[axis];
    const b = (high[axis] + beside - at[axis]) / forward[axis];
    enter = Math.max(enter, Math.min(a, b));
    leave = Math.min(leave, Math.max(a, b));
  }
  if (enter >= leave) return 0;
  return enter > 0 ? 1 : -1;
}
