/** The storyboard on the graphics card: made once, then a few numbers a frame. */

import {
  AlwaysStencilFunc,
  BufferAttribute,
  CanvasTexture,
  Color,
  CustomBlending,
  EqualStencilFunc,
  GLSL3,
  GreaterDepth,
  InstancedBufferAttribute,
  InstancedBufferGeometry,
  LessEqualDepth,
  LinearFilter,
  LinearMipmapLinearFilter,
  Mesh,
  MinEquation,
  OrthographicCamera,
  PerspectiveCamera,
  RawShaderMaterial,
  ReplaceStencilOp,
  Scene,
  Sphere,
  Vector3,
  WebGLRenderer,
} from "three";
import * as form from "./form.js";
import { GLYPHS, short } from "./numerals.js";
import { linesAt, moves, progress, ripens } from "./pose.js";
import { LIT, inkTurns } from "./palette.js";
import * as shaders from "./shaders.js";
import { barCorners, bars, edges, front, roundedCube } from "./shapes.js";
import { trackAt } from "./story.js";
import { add, scaled } from "./view.js";

/** From so many cells on none cast shadows, and these are plain boxes: a software renderer is to keep up. */
const MANY = 6_000;
/** How much of a line is left where a cell is behind it, and of a window's edge that cells hide. */
const OVER_CELLS = 0.55;
const THROUGH_CELLS = 0.4;
const LEAST_RADIUS = 0.4;
const EDGE_RADIUS = 0.036;
/** How far what is not pointed at fades into the backdrop. */
const FADE = 0.72;
/** In the order in which they are drawn: what is seen through comes last. */
const ORDER = { shadow: 0, cells: 1, bars: 2, veil: 3, numbers: 4, lines: 5 };
const TILE = 64;
const DIGIT = 40;
/** How wide the stroke is that makes digits bolder, in their heights. */
const BOLDER = 0.04;

/** One sees through it. */
const THIN = { transparent: true, depthWrite: false, side: 2 };
/** Where shadows lie on each other the darker one counts. */
const DARKER = { blending: CustomBlending, blendEquation: MinEquation, depthWrite: false, transparent: false };
/** How high above the floor cells cast hardly any shadow. */
const SHADOW_REACH = 9;

const CONSTANTS = Object.fromEntries(
  Object.entries({ COVER: form.COVER, NEWBORN: form.NEWBORN, OPENED: form.OPENED, FLAT_SHADE: form.FLAT_SHADE, SHADOW_REACH, ...LIT }).map(
    ([name, value]) => [name, value.toFixed(4)],
  ),
);

/** Linear light as a colour of a style sheet. */
export function css([r, g, b]) {
  const code = (x) => {
    const light = Math.min(Math.max(x, 0), 1);
    return Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055));
  };
  return `rgb(${code(r)} ${code(g)} ${code(b)})`;
}

export class Picture {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {number} cells how many there may be to draw
   */
  constructor(canvas, cells) {
    this.renderer = new WebGLRenderer({ canvas, antialias: cells <= MANY, stencil: true });
    this.renderer.outputColorSpace = "srgb-linear"; // shaders write sRGB themselves
    this.camera = null;
    this.size = [1, 1];
  }

  /** The picture's size in the page's pixels. */
  resize(width, height) {
    this.renderer.setPixelRatio(Math.min(globalThis.devicePixelRatio || 1, 2));
    this.renderer.setSize(width, height, false);
    this.size = [width, height];
  }

  /**
   * Show another storyboard.
   * @param {import("./story.js").Story} story
   * @param {any} surroundings
   */
  show(story, surroundings) {
    this.dispose();
    this.story = story;
    this.surroundings = surroundings;
    this.scene = new Scene();
    const backdrop = css(surroundings.backdrop).match(/\d+/g).map((x) => Number(x) / 255);
    this.scene.background = new Color().setRGB(...backdrop, "srgb-linear");
    this.parts = []; // what changes: functions of (frame, step, seen)
    this.marked = new Map(); // by the cells' name: what `mark` writes
    this.shared = { step_: { value: 0 } };
    const many = story.cells.reduce((sum, cells) => sum + cells.start.data.length, 0) > MANY;
    const plain = many || story.board.small;
    this.cube = roundedCube(story.board.small ? 1 : form.CUBE, plain ? 0 : form.BEVEL);
    this.large = roundedCube(form.CUBE, form.BEVEL);
    this.box = roundedCube(form.CUBE, form.BOX_BEVEL);
    const flat = this._ghostsAreFlat();
    const deep = flat ? 0 : form.GHOST;
    this.ghost = bars([[[0, (deep - form.GHOST) / 2, 0], [form.GHOST, deep, form.GHOST]]], [form.GHOST_BAR]);
    this.veil = front(form.GHOST);
    for (const cells of story.cells) {
      if (cells.start.data.length === 0) continue;
      this._cells(cells, "cells");
      if (cells.role === "ghost" && cells.numbers.length > 0) this._cells(cells, "veil");
      const flies = cells.role === "ghost" || cells.role === "traveller" || cells.role === "copy";
      if (!many && !story.board.transparent && !flies) this._cells(cells, "shadow");
      for (const numbers of cells.numbers) this._numbers(cells, numbers);
    }
    for (const mover of story.movers.values()) if (mover.boxes.length) this._window(mover);
    const outlines = story.board.outlines.map((o) => [o.center, o.size]);
    if (outlines.length) {
      this._bars(outlines, outlines.map(() => story.board.outline_bar), surroundings.ghost);
    }
    for (const lines of story.board.lines) this._lines(lines);
  }

  dispose() {
    this.scene?.traverse((each) => {
      each.geometry?.dispose();
      each.material?.dispose();
    });
    this.renderer.renderLists.dispose();
  }

  /**
   * Draw a frame.
   * @param {number} frame
   * @param {ReturnType<import("./view.js").seenAt>} seen
   */
  draw(frame, seen) {
    const step = this.story.step(frame);
    this.shared.step_.value = step;
    this._look(seen);
    for (const part of this.parts) part(frame, step, seen);
    this.renderer.render(this.scene, this.camera);
  }

  /**
   * Make some cells stand out.
   * @param {Map<string, Iterable<number>> | null} chosen rows of cells by their name; null: none
   */
  mark(chosen) {
    for (const [name, { mark, dim }] of this.marked) {
      dim.value = chosen ? FADE : 0;
      if (!chosen) continue;
      mark.array.fill(0);
      for (const row of chosen.get(name) ?? []) mark.array[row] = 1;
      mark.needsUpdate = true;
    }
  }

  _look(seen) {
    const [width, height] = this.size;
    const half = seen.width / 2;
    const high = (half * height) / width;
    const far = 40 * seen.width + 400;
    if (seen.distance === null) {
      if (!this.camera?.isOrthographicCamera) this.camera = new OrthographicCamera();
      Object.assign(this.camera, { left: -half, right: half, top: high, bottom: -high, near: 0, far: 2 * far });
    } else {
      if (!this.camera?.isPerspectiveCamera) this.camera = new PerspectiveCamera();
      const fov = (2 * Math.atan(high / seen.distance) * 180) / Math.PI;
      Object.assign(this.camera, { fov, aspect: width / height, near: seen.distance / 50, far });
    }
    const eye = add(seen.target, scaled(seen.forward, -(seen.distance ?? far)));
    const axes = [seen.right, seen.up, scaled(seen.forward, -1)].map((axis) => new Vector3(...axis));
    this.camera.matrixAutoUpdate = false;
    this.camera.matrix.makeBasis(...axes).setPosition(...eye);
    this.camera.matrixWorldNeedsUpdate = true;
    this.camera.updateProjectionMatrix();
  }

  _ghostsAreFlat() {
    const { size, camera } = this.story.board;
    const widest = camera.travel ? Math.max(...camera.travel.values.data.filter((_, i) => i % 4 === 3)) : camera.width;
    const small = (Math.min(...size) / 480) * form.GHOST_PIXELS * widest > size[0];
    return small || this.story.cells.some((cells) => cells.role === "ghost" && cells.numbers.length > 0);
  }

  /** Instances of a mesh; attributes are arrays and how many numbers of each an instance has. */
  _instances(mesh, attributes, count) {
    const geometry = new InstancedBufferGeometry();
    geometry.index = mesh.index;
    for (const [name, attribute] of Object.entries(mesh.attributes)) geometry.setAttribute(name, attribute);
    for (const [name, [array, width]] of Object.entries(attributes)) {
      geometry.setAttribute(name, new InstancedBufferAttribute(array, width));
    }
    geometry.instanceCount = count;
    return geometry;
  }

  _add(geometry, material, order) {
    const mesh = new Mesh(geometry, material);
    geometry.boundingSphere = new Sphere(); // three.js would work it out to sort by it
    mesh.frustumCulled = false;
    mesh.matrixAutoUpdate = false;
    mesh.renderOrder = order;
    this.scene.add(mesh);
    return mesh;
  }

  /** What moves instances: attributes, uniforms, the shader's switches, and what sets the uniforms of a frame. */
  _motion(cells, pick) {
    const defines = { ...CONSTANTS };
    const attributes = { place: [pick(cells.position, 3), 3] };
    const uniforms = { step_: this.shared.step_, scale: { value: cells.scale } };
    const updates = [];
    if (moves(cells)) {
      defines.MOVES = "";
      const start = pick(cells.start, 1);
      const arrive = pick(cells.arrive, 1);
      const spell = new Float32Array(2 * start.length);
      start.forEach((value, i) => spell.set([value, arrive[i]], 2 * i));
      attributes.spell = [spell, 2];
      attributes.origin = [pick(cells.origin, 3), 3];
    }
    if (moves(cells) && cells.via) {
      defines.DETOUR = "";
      attributes.via = [pick(cells.via, 3), 3];
      uniforms.rest = { value: cells.rest };
      uniforms.swells = { value: cells.swells };
    }
    if (moves(cells) && cells.bow) {
      defines.BOW = "";
      attributes.bow = [pick(cells.bow, 3), 3];
    }
    const mover = cells.lit_by ? this.story.movers.get(cells.lit_by) : null;
    if (mover) {
      const spell = this.story.spell(mover);
      const lights = this.story.lights(mover); // which are all alike
      Object.assign(uniforms, {
        window_: { value: new Float32Array(3 * lights.length) },
        spacing: { value: lights[0].spacing },
        lastTap: { value: [0, 0, 0] },
        glow: { value: 0 },
        inkTurns: { value: inkTurns(this.surroundings.face) },
      });
      defines.LIT = "";
      defines.LIGHTS = lights.length;
      attributes.anchor = [pick(cells.anchor, 3), 3];
      if (mover.opens) {
        defines.OPENS = "";
        uniforms.opened = { value: 0 };
      }
      updates.push((frame, step) => {
        lights.forEach((each, i) => uniforms.window_.value.set(trackAt(each.track, frame), 3 * i));
        uniforms.lastTap.value = this.story.counts(lights[0], frame).map((count) => count - 1);
        const there = progress(step, spell.appears, spell.lands);
        uniforms.glow.value = step >= spell.leaves ? 0 : there;
        if (mover.opens) uniforms.opened.value = there * (1 - progress(step, spell.leaves - form.CLOSING, spell.leaves));
      });
    }
    return { defines, attributes, uniforms, updates };
  }

  _cells(cells, kind) {
    const count = cells.start.data.length;
    const all = (packed) => packed.data;
    const { defines, attributes, uniforms, updates } = this._motion(cells, all);
    attributes.tint = [cells.color.data, 3];
    let mesh = cells.role === "ghost" ? this.ghost : cells.scale > 1 ? this.large : this.cube;
    if (kind === "veil") {
      mesh = this.veil;
      attributes.tint = [Float32Array.from({ length: 3 * count }, (_, i) => this.surroundings.backdrop[i % 3]), 3];
    }
    if (cells.extent) {
      mesh = this.box;
      defines.EXTENT = "";
      attributes.extent = [cells.extent.data.map((x) => x / form.CUBE), 3];
    }
    if (cells.becomes) {
      defines.BECOMES = "";
      attributes.becomes = [cells.becomes.data, 3];
      uniforms.ripe = { value: 0 };
      updates.push((_, step) => (uniforms.ripe.value = progress(step, ...ripens(cells))));
    }
    Object.assign(uniforms, {
      light: { value: form.FLAT_LIGHT },
      sun: { value: form.SUN_DIRECTION },
      floor_: { value: this.story.board.floor - 0.02 },
      shadow: { value: this.surroundings.shadow },
      backdrop: { value: this.surroundings.backdrop },
    });
    if (kind === "shadow") {
      defines.SHADOW = "";
    } else if (kind === "veil") {
      defines.FLAT = "";
      defines.VEILED = form.VEILED.toFixed(4);
    } else {
      if (cells.role === "ghost") defines.FLAT = "";
      defines.MARKED = "";
      const mark = new Float32Array(count);
      attributes.mark = [mark, 1];
      uniforms.dim = { value: 0 };
    }
    const hidden = kind === "cells" && !uniforms.opened ? buried(cells) : null;
    if (hidden) {
      defines.BURIED = "";
      attributes.buried = [hidden, 1];
    }
    const geometry = this._instances(mesh, attributes, count);
    if (!geometry.attributes.normal) geometry.setAttribute("normal", geometry.attributes.position);
    if (kind === "cells") this.marked.set(cells.name, { mark: geometry.attributes.mark, dim: uniforms.dim });
    const material = new RawShaderMaterial({
      glslVersion: GLSL3,
      vertexShader: shaders.CELL_VERTEX,
      fragmentShader: shaders.CELL_FRAGMENT,
      defines,
      uniforms,
      ...(kind === "shadow" ? DARKER : kind === "veil" ? THIN : {}),
      stencilWrite: kind === "cells",
      stencilRef: 1,
      stencilFunc: AlwaysStencilFunc,
      stencilZPass: ReplaceStencilOp,
    });
    const shape = this._add(geometry, material, ORDER[kind]);
    const first = cells.start.data.reduce((least, start) => Math.min(least, start), Infinity);
    this.parts.push((frame, step, seen) => {
      shape.visible = Math.fround(step) > first && (cells.end === null || step < cells.end);
      if (shape.visible) for (const update of updates) update(frame, step, seen);
    });
  }

  /** What is written on cells: a square for every character. */
  _numbers(cells, numbers) {
    const atlas = (this.atlas ??= glyphAtlas());
    const row = [];
    const letters = [];
    const ink = [];
    const until = [];
    numbers.cell.data.forEach((cell, i) => {
      const glyphs = [...short(numbers.value.data[i])].map((character) => GLYPHS.indexOf(character));
      const wide = glyphs.reduce((sum, glyph) => sum + atlas.advances[glyph], 0);
      let at = -wide / 2;
      const width = numbers.size * numbers.narrow.data[i];
      for (const glyph of glyphs) {
        row.push(cell);
        letters.push(glyph, at * width, width);
        ink.push(...numbers.color.data.subarray(3 * i, 3 * i + 3));
        if (numbers.until) until.push(numbers.until.data[i]);
        at += atlas.advances[glyph];
      }
    });
    if (!row.length) return;
    const pick = (packed, width) => {
      const picked = new Float32Array(row.length * width);
      row.forEach((cell, i) => picked.set(packed.data.subarray(cell * width, (cell + 1) * width), i * width));
      return picked;
    };
    const { defines, attributes, uniforms, updates } = this._motion(cells, pick);
    attributes.letter = [new Float32Array(letters), 3];
    attributes.ink = [new Float32Array(ink), 3];
    if (numbers.until) {
      defines.UNTIL = "";
      attributes.until = [new Float32Array(until), 1];
    }
    Object.assign(uniforms, {
      digit: { value: numbers.size },
      tile: { value: TILE / DIGIT },
      lift: { value: form.CUBE / 2 + form.PRINT },
      glyphs: { value: GLYPHS.length },
      atlas: { value: atlas.texture },
    });
    const square = new InstancedBufferGeometry();
    square.setAttribute("position", new BufferAttribute(new Float32Array([0, -0.5, 1, -0.5, 1, 0.5, 0, 0.5]), 2));
    square.setIndex([0, 1, 2, 0, 2, 3]);
    const material = new RawShaderMaterial({
      glslVersion: GLSL3,
      vertexShader: shaders.GLYPH_VERTEX,
      fragmentShader: shaders.GLYPH_FRAGMENT,
      defines,
      uniforms,
      transparent: true,
      depthWrite: false,
      side: 2,
    });
    const shape = this._add(this._instances(square, attributes, row.length), material, ORDER.numbers);
    this.parts.push((frame, step, seen) => {
      const at = Math.fround(step);
      shape.visible = at > Math.fround(numbers.first) && (numbers.last === null || at <= Math.fround(numbers.last));
      shape.visible &&= cells.end === null || step < cells.end;
      if (shape.visible) for (const update of updates) update(frame, step, seen);
    });
  }

  _bars(boxes, thickness, tint) {
    const material = new RawShaderMaterial({
      glslVersion: GLSL3,
      vertexShader: shaders.PLAIN_VERTEX,
      fragmentShader: shaders.CELL_FRAGMENT,
      uniforms: { tint: { value: tint } },
      side: 2,
    });
    return this._add(bars(boxes, thickness), material, ORDER.bars);
  }

  _window(mover) {
    const grown = ([center, size]) => [center, size.map((side) => side + 2 * form.WINDOW_MARGIN)];
    const thickness = [
      ...mover.boxes.map(() => mover.bar),
      ...mover.parts.map(() => (mover.bar * form.TAP_BAR) / form.WINDOW_BAR),
    ];
    const tint = mover.samples.length ? this.surroundings.ghost : this.surroundings.window;
    const shape = this._bars([...mover.boxes, ...mover.parts].map(grown), thickness, tint);
    const hidden = this._strokes(12 * mover.boxes.length, tint, {
      depthFunc: GreaterDepth,
      opacity: THROUGH_CELLS,
    });
    this.parts.push((frame, _, seen) => {
      shape.visible = mover.first <= Math.floor(frame) && Math.floor(frame) <= mover.last;
      hidden.shape.visible = shape.visible;
      if (!shape.visible) return;
      const at = trackAt(mover.track, frame);
      shape.matrix.makeTranslation(...at);
      shape.matrixWorldNeedsUpdate = true;
      const boxes = this.story.boxes(mover, frame).map(grown);
      if (mover.taps) {
        const position = shape.geometry.attributes.position;
        barCorners([...boxes, ...mover.parts.map(grown)], thickness, position.array);
        position.needsUpdate = true;
      }
      const ends = boxes.flatMap(([center, size]) => edges(add(at, center), size));
      hidden.place(ends, seen, EDGE_RADIUS);
    });
  }

  _lines(lines) {
    const colors = lines.lines.map((line) => line.color);
    const opaque = lines.over_cells ?? OVER_CELLS;
    const strokes = [
      this._strokes(colors.length, colors, { stencil: 0, opacity: 1 }),
      this._strokes(colors.length, colors, { stencil: 1, opacity: opaque }),
    ];
    this.parts.push((frame, _, seen) => {
      const ends = linesAt(this.story, lines, frame);
      for (const stroke of strokes) {
        stroke.shape.visible = ends.length > 0;
        if (ends.length) stroke.place(ends, seen, lines.radius);
      }
    });
  }

  /** Up to so many straight lines; `stencil` 0: where no cell is behind them, 1: where one is. */
  _strokes(count, color, { stencil = null, opacity, depthFunc = LessEqualDepth }) {
    const from = new Float32Array(3 * count);
    const to = new Float32Array(3 * count);
    const tint = new Float32Array(3 * count);
    for (let i = 0; i < count; i++) tint.set(Array.isArray(color[0]) ? color[i] : color, 3 * i);
    const square = new InstancedBufferGeometry();
    square.setAttribute("position", new BufferAttribute(new Float32Array([0, -1, 1, -1, 1, 1, 0, 1]), 2));
    square.setIndex([0, 1, 2, 0, 2, 3]);
    const geometry = this._instances(square, { from: [from, 3], to: [to, 3], tint: [tint, 3] }, count);
    const uniforms = { radius: { value: 1 }, size: { value: [1, 1] }, opacity: { value: opacity } };
    const material = new RawShaderMaterial({
      glslVersion: GLSL3,
      vertexShader: shaders.LINE_VERTEX,
      fragmentShader: shaders.LINE_FRAGMENT,
      uniforms,
      transparent: true,
      depthWrite: false,
      depthFunc,
      side: 2,
      stencilWrite: stencil !== null,
      stencilRef: stencil ?? 0,
      stencilFunc: stencil === null ? AlwaysStencilFunc : EqualStencilFunc,
    });
    const shape = this._add(geometry, material, ORDER.lines);
    const place = (ends, seen, radius) => {
      ends.forEach((end, i) => {
        from.set(end.slice(0, 3), 3 * i);
        to.set(end.slice(3), 3 * i);
      });
      geometry.instanceCount = ends.length;
      geometry.attributes.from.needsUpdate = geometry.attributes.to.needsUpdate = true;
      const ratio = this.renderer.getPixelRatio();
      uniforms.size.value = this.size.map((side) => side * ratio);
      uniforms.radius.value = Math.max(LEAST_RADIUS, (radius * this.size[0]) / seen.width) * ratio;
    };
    return { shape, place };
  }
}

/**
 * The step from which on a cell has neighbours on all six sides, so that nobody sees it; Infinity: never. Null where
 * cells are not such that stand beside each other.
 * @param {import("./story.js").Cells} cells
 */
function buried(cells) {
  const { shape, index, position, arrive } = cells;
  if (!["input", "output"].includes(cells.role) || cells.scale !== 1 || cells.via || cells.extent) return null;
  const count = arrive.data.length;
  const rank = shape.length;
  if (rank < 3 || cells.end !== null) return null;
  const [h, w] = shape.slice(-2);
  const strides = [1, w, h * w]; // of a flat index along x, z, y
  const rows = new Int32Array(shape.reduce((a, b) => a * b, 1)).fill(-1);
  const flat = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    for (let axis = 0; axis < rank; axis++) flat[i] = flat[i] * shape[axis] + index.data[i * rank + axis];
    rows[flat[i]] = i;
  }
  const since = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    for (const stride of strides)
      for (const side of [-stride, stride]) {
        const j = rows[flat[i] + side] ?? -1;
        const apart = j < 0 ? 2 : distance(position.data, i, j); // at the end of a row the next one is far
        since[i] = apart < 1.01 ? Math.max(since[i], arrive.data[j]) : Infinity;
      }
    since[i] = Math.max(since[i], arrive.data[i]);
  }
  return since;
}

const distance = (at, i, j) =>
  Math.abs(at[3 * i] - at[3 * j]) + Math.abs(at[3 * i + 1] - at[3 * j + 1]) + Math.abs(at[3 * i + 2] - at[3 * j + 2]);

/** Pictures of all glyphs in a row, and their advances in heights of a digit. */
function glyphAtlas() {
  const canvas = document.createElement("canvas");
  canvas.width = TILE * GLYPHS.length;
  canvas.height = TILE;
  const pen = canvas.getContext("2d");
  pen.font = "100px Arial, Helvetica, 'Liberation Sans', sans-serif";
  const capital = pen.measureText("0").actualBoundingBoxAscent;
  pen.font = `${(100 * DIGIT) / capital}px Arial, Helvetica, 'Liberation Sans', sans-serif`;
  pen.fillStyle = pen.strokeStyle = "#fff";
  pen.lineWidth = BOLDER * DIGIT;
  pen.lineJoin = "round";
  const advances = [...GLYPHS].map((glyph, i) => {
    pen.fillText(glyph, i * TILE, (TILE + DIGIT) / 2);
    pen.strokeText(glyph, i * TILE, (TILE + DIGIT) / 2);
    return pen.measureText(glyph).width / DIGIT;
  });
  const texture = new CanvasTexture(canvas);
  texture.minFilter = LinearMipmapLinearFilter;
  texture.magFilter = LinearFilter;
  texture.anisotropy = 4;
  return { texture, advances };
}

