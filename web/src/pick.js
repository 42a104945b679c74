/** Which cell is seen at a spot of the picture. */

import { CUBE } from "./form.js";
import { pose } from "./pose.js";

const HOLLOW = new Set(["ghost", "copy", "gap", "traveller"]);

/** Cells that may be chosen. */
export const solid = (cells) => !HOLLOW.has(cells.role);

/** Poses of all cells at the last frame that was asked for. */
export class Poses {
  constructor(story) {
    this.story = story;
    this.frame = null;
    this.known = new Map();
  }

  of(cells, frame) {
    if (frame !== this.frame) {
      this.frame = frame;
      this.known.clear();
    }
    if (!this.known.has(cells)) this.known.set(cells, pose(this.story, cells, frame));
    return this.known.get(cells);
  }
}

/**
 * The nearest cell that a ray meets.
 * @param {Poses} poses
 * @param {number} frame
 * @param {{from: number[], along: number[]}} ray
 * @returns {{cells: import("./story.js").Cells, row: number} | null}
 */
export function pick(poses, frame, { from, along }) {
  let found = null;
  let nearest = Infinity;
  const width = poses.story.board.small ? 1 : CUBE;
  for (const cells of poses.story.cells) {
    if (!solid(cells)) continue;
    const { shown, place, size } = poses.of(cells, frame);
    for (let i = 0; i < shown.length; i++) {
      if (!shown[i]) continue;
      let enter = -Infinity;
      let leave = Infinity;
      for (let d = 0; d < 3; d++) {
        const half = cells.extent ? cells.extent.data[3 * i + d] / 2 : (width * size[i]) / 2;
        const a = (place[3 * i + d] - half - from[d]) / along[d];
        const b = (place[3 * i + d] + half - from[d]) / along[d];
        enter = Math.max(enter, Math.min(a, b));
        leave = Math.min(leave, Math.max(a, b));
      }
      if (enter <= leave && enter < nearest && leave > 0) {
        nearest = enter;
        found = { cells, row: i };
      }
    }
  }
  return found;
}
