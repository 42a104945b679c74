/** The meshes that are drawn again and again: cubes with soft edges, and boxes made of thin bars. */

import { BufferAttribute, BufferGeometry } from "three";

const AXES = [0, 1, 2];

/**
 * A cube around the origin, its edges cut off by `bevel`; normals are those of its faces, so that edges shade smoothly.
 */
export function roundedCube(size, bevel) {
  const half = size / 2;
  const core = half - bevel;
  const positions = [];
  const normals = [];
  const faces = [];
  const corner = new Map(); // of signs and an axis: the vertex on that axis' face
  for (const axis of AXES)
    for (let bits = 0; bits < 8; bits++) {
      const signs = AXES.map((a) => ((bits >> a) & 1 ? 1 : -1));
      corner.set(`${bits} ${axis}`, positions.length / 3);
      positions.push(...signs.map((sign, a) => sign * (a === axis || bevel === 0 ? half : core)));
      normals.push(...signs.map((sign, a) => (a === axis ? sign : 0)));
    }
  const at = (bits, axis) => corner.get(`${bits} ${axis}`);
  const quad = (a, b, c, d) => faces.push(a, b, c, a, c, d);
  for (const axis of AXES) {
    const [u, v] = AXES.filter((a) => a !== axis);
    for (const side of [0, 1]) {
      const bits = (p, q) => (side << axis) | (p << u) | (q << v);
      quad(at(bits(0, 0), axis), at(bits(1, 0), axis), at(bits(1, 1), axis), at(bits(0, 1), axis));
    }
    if (bevel === 0) continue;
    for (const p of [0, 1])
      for (const q of [0, 1]) {
        const bits = (end) => (end << axis) | (p << u) | (q << v); // the edge along the axis
        quad(at(bits(0), u), at(bits(1), u), at(bits(1), v), at(bits(0), v));
      }
  }
  if (bevel > 0) for (let bits = 0; bits < 8; bits++) faces.push(at(bits, 0), at(bits, 1), at(bits, 2));
  return outward(positions, normals, faces);
}

/** A mesh whose faces turn their fronts to where their normals look. */
function outward(positions, normals, faces) {
  for (let i = 0; i < faces.length; i += 3) {
    const [a, b, c] = faces.slice(i, i + 3).map((v) => positions.slice(3 * v, 3 * v + 3));
    const ab = b.map((x, k) => x - a[k]);
    const ac = c.map((x, k) => x - a[k]);
    const face = [ab[1] * ac[2] - ab[2] * ac[1], ab[2] * ac[0] - ab[0] * ac[2], ab[0] * ac[1] - ab[1] * ac[0]];
    const middle = face.reduce((sum, x, k) => sum + x * (a[k] + b[k] + c[k]), 0);
    if (middle < 0) [faces[i + 1], faces[i + 2]] = [faces[i + 2], faces[i + 1]];
  }
  return geometry(new Float32Array(positions), new Float32Array(normals), faces);
}

/**
 * The edges of boxes as bars of square section.
 * @param {number[][][]} boxes centre and size of each
 * @param {number[]} thickness of the bars of each
 * @param {Float32Array} [into] positions to overwrite
 */
export function barCorners(boxes, thickness, into = new Float32Array(boxes.length * 12 * 24)) {
  let k = 0;
  boxes.forEach(([center, size], i) => {
    const bar = thickness[i] / 2;
    for (const axis of AXES) {
      const others = AXES.filter((a) => a !== axis);
      for (const p of [-0.5, 0.5])
        for (const q of [-0.5, 0.5]) {
          const middle = [...center];
          middle[others[0]] += p * size[others[0]];
          middle[others[1]] += q * size[others[1]];
          for (let bits = 0; bits < 8; bits++)
            for (const a of AXES) {
              const reach = bar + (a === axis ? size[axis] / 2 : 0);
              into[k++] = middle[a] + ((bits >> a) & 1 ? reach : -reach);
            }
        }
    }
  });
  return into;
}

const BOX_FACES = [0, 2, 3, 0, 3, 1, 4, 5, 7, 4, 7, 6, 0, 1, 5, 0, 5, 4, 2, 6, 7, 2, 7, 3, 0, 4, 6, 0, 6, 2, 1, 3, 7, 1, 7, 5];

/** The same as a mesh. */
export function bars(boxes, thickness) {
  const corners = barCorners(boxes, thickness);
  const faces = [];
  for (let first = 0; first < corners.length / 3; first += 8) faces.push(...BOX_FACES.map((v) => v + first));
  return geometry(corners, null, faces);
}

/** The front of a cube. */
export function front(width) {
  const half = width / 2;
  const corners = [-half, -half, -half, half, -half, -half, half, -half, half, -half, -half, half];
  return geometry(new Float32Array(corners), null, [0, 1, 2, 0, 2, 3]);
}

/** The twelve edges of boxes, [x, y, z, x, y, z] each; of a box that is no deeper than a cell those of its front. */
export function edges(center, size) {
  const found = [];
  for (const axis of AXES) {
    const [u, v] = AXES.filter((a) => a !== axis);
    for (const p of [-0.5, 0.5])
      for (const q of [-0.5, 0.5]) {
        const ends = [-0.5, 0.5].map((end) => {
          const at = [...center];
          at[axis] += end * size[axis];
          at[u] += p * size[u];
          at[v] += q * size[v];
          return at;
        });
        const front = ends.every((at) => at[1] < center[1]);
        if (size[1] >= 2 || front) found.push([...ends[0], ...ends[1]]);
      }
  }
  return found;
}

function geometry(positions, normals, faces) {
  const made = new BufferGeometry();
  made.setAttribute("position", new BufferAttribute(positions, 3));
  if (normals) made.setAttribute("normal", new BufferAttribute(normals, 3));
  made.setIndex(faces);
  return made;
}
