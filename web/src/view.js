/** How the storyboard's camera sees the world, and how a viewer's own turns change that. */

/** @typedef {[number, number, number]} Vector */

export const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const subtract = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scaled = (a, k) => [a[0] * k, a[1] * k, a[2] * k];
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
export const unit = (a) => scaled(a, 1 / Math.hypot(...a));

/** Highest and lowest that one may look down, as the angle to the upright: beyond, right and left would change sides. */
const STEEPEST = 0.02;

/** Unit vectors of a picture's right, up and the look along a direction. */
export function basis(direction) {
  const forward = unit(direction);
  const right = unit(cross(forward, [0, 0, 1]));
  return { right, up: cross(right, forward), forward };
}

/** What the viewer has added to the camera's way: two angles, a zoom, and a shift in the picture's plane, in its widths. */
export const STILL = Object.freeze({ yaw: 0, pitch: 0, zoom: 1, x: 0, y: 0 });

/** Whether the viewer looks as the storyboard does. */
export function isStill(own) {
  return own.yaw === 0 && own.pitch === 0 && own.zoom === 1 && own.x === 0 && own.y === 0;
}

/**
 * What is seen at a frame.
 * @param {import("./story.js").Story} story
 * @param {number} frame
 * @param {typeof STILL} own
 * @returns {{right: Vector, up: Vector, forward: Vector, target: Vector, width: number, distance: number | null}}
 *   the picture is `width` units wide at the target; `distance` from there to the eye, null: infinitely far
 */
export function seenAt(story, frame, own) {
  const camera = story.board.camera;
  const { target, width, angle } = story.view(frame);
  let [x, y, z] = unit(camera.direction);
  const turn = angle + own.yaw;
  [x, y] = [x * Math.cos(turn) - y * Math.sin(turn), x * Math.sin(turn) + y * Math.cos(turn)];
  if (own.pitch) {
    const level = Math.atan2(Math.hypot(x, y), -z) + own.pitch; // 0 looks straight down
    const from = Math.min(Math.max(level, STEEPEST), Math.PI - STEEPEST);
    const along = Math.hypot(x, y);
    [x, y, z] = [(x / along) * Math.sin(from), (y / along) * Math.sin(from), -Math.cos(from)];
  }
  const seen = basis([x, y, z]);
  const wide = width / own.zoom;
  const shift = add(scaled(seen.right, own.x * wide), scaled(seen.up, own.y * wide));
  const distance = camera.distance === null ? null : camera.distance / own.zoom;
  return { ...seen, target: add(target, shift), width: wide, distance };
}

/** Where a point is seen, in units from the picture's centre, y up. */
export function project(seen, point) {
  const from = subtract(point, seen.target);
  const near = seen.distance === null ? 1 : seen.distance / (seen.distance + dot(from, seen.forward));
  return [dot(from, seen.right) * near, dot(from, seen.up) * near];
}

/** The ray through a spot of the picture, in units from its centre. */
export function ray(seen, x, y) {
  const spot = add(seen.target, add(scaled(seen.right, x), scaled(seen.up, y)));
  if (seen.distance === null) return { from: subtract(spot, scaled(seen.forward, 1e4)), along: seen.forward };
  const eye = subtract(seen.target, scaled(seen.forward, seen.distance));
  return { from: eye, along: unit(subtract(spot, eye)) };
}

/**
 * The point in space of a spot of the storyboard's own picture: on the upright plane through the target that faces it.
 * Words that stand beside things keep to it when the viewer turns.
 */
export function onWall(seen, [x, y]) {
  return add(seen.target, add(scaled(seen.right, x), [0, 0, y / seen.up[2]]));
}
