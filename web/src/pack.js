/**
 * What `render/page.py` packed: plain values, and arrays as typed arrays.
 *
 * @typedef {{data: Float32Array | Float64Array | Int32Array | Uint8Array, shape: number[]}} Packed
 */

const KINDS = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array };

/**
 * @param {string} text base64 of deflated bytes
 * @returns {Promise<any>} the value; each array in it is {data, shape}
 */
export async function unpack(text) {
  const letters = atob(text.trim());
  const deflated = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) deflated[i] = letters.charCodeAt(i);
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate"));
  return read(await new Response(stream).arrayBuffer());
}

/**
 * @param {ArrayBuffer} buffer the same, inflated
 */
export function read(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const first = 4 + length;
  return JSON.parse(text, (_, value) => {
    if (value === null || typeof value !== "object" || !("$" in value)) return value;
    const [kind, offset, shape] = value.$;
    const count = shape.reduce((a, b) => a * b, 1);
    return { data: inRows(new KINDS[kind](buffer, first + offset, count), shape), shape };
  });
}

/** What stands column by column, row by row. */
function inRows(columns, shape) {
  const width = shape.length > 1 ? shape.at(-1) : 1;
  if (width < 2) return columns;
  const rows = new columns.constructor(columns.length);
  let from = 0;
  for (let k = 0; k < width; k++) for (let to = k; to < rows.length; to += width) rows[to] = columns[from++];
  return rows;
}
