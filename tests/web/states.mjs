// What the page makes of a storyboard at some frames, as JSON: states.mjs PACKED FRAMES, the frames with commas.
import { readFileSync } from "node:fs";
import { unpack } from "../../web/src/pack.js";
import { linesAt, pose } from "../../web/src/pose.js";
import { Story } from "../../web/src/story.js";
import { STILL, project, seenAt } from "../../web/src/view.js";

const [packed, frames] = process.argv.slice(2);
const story = new Story(await unpack(readFileSync(packed).toString("base64")));
const states = frames.split(",").map(Number).map((frame) => ({
  step: story.step(frame),
  cells: story.cells.map((cells) => {
    const { shown, place, size, lit, ripe, written } = pose(story, cells, frame);
    return [[...shown], [...place], [...size], [...lit], ripe, written.map((each) => [...each])];
  }),
  lines: story.board.lines.map((lines) => linesAt(story, lines, frame)),
  windows: [...story.movers.values()].map((mover) => [story.spell(mover), story.boxes(mover, frame)]),
  captions: story.board.captions.map((caption) => story.said(caption, frame)),
  corners: [[0, 0, 0], [7, -3, 2]].map((point) => project(seenAt(story, frame, STILL), point)),
}));
process.stdout.write(JSON.stringify(states));
