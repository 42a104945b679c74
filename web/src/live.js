/** Of what cells are made: the taps of an output cell, its sum, and what stands for all this in the picture. */

import { told } from "./numerals.js";

/** More terms of a sum are not written out. */
export const MOST_TERMS = 100;

/**
 * @typedef {{tensor: number, input: number, weight: number, coefficient: number}} Tap the number of the tensor that is
 *   read and its flat cell (-1: a zero), the flat weight in the bank (-1: none), and a further factor
 */

export const ravel = (index, shape) => index.reduce((flat, i, axis) => flat * shape[axis] + i, 0);

export function unravel(flat, shape) {
  const index = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = flat % shape[axis];
    flat = Math.floor(flat / shape[axis]);
  }
  return index;
}

const size = (shape) => shape.reduce((a, b) => a * b, 1);

/**
 * The taps of a stage's output cell, channel by channel, row-major through the window.
 * @param {any} stage
 * @param {number} flat
 * @returns {Tap[] | null} null where they are not known
 */
export function tapsOf(stage, flat) {
  if (stage.kind === "table") {
    const taps = [];
    for (let i = stage.starts.data[flat]; i < stage.starts.data[flat + 1]; i++) {
      taps.push({
        tensor: stage.reads[stage.which.data[i]],
        input: stage.input.data[i],
        weight: stage.weight_cells.data[i],
        coefficient: stage.coefficient.data[i],
      });
    }
    return taps;
  }
  if (stage.kind !== "window") return null;
  const cells = size(stage.output);
  const n = Math.floor(flat / cells);
  const [filter, ...place] = unravel(flat % cells, stage.output);
  const [channels, ...spatial] = stage.item;
  const perGroup = stage.output[0] / (channels / stage.fan_in);
  const first = Math.floor(filter / perGroup) * stage.fan_in;
  let spots = [{ at: 0, kernel: [], coefficient: 1 }];
  stage.axes.forEach((axis, a) => {
    const width = axis.at.shape[1];
    const row = place[a] * width;
    spots = spots.flatMap((spot) => {
      const met = [];
      for (let k = 0; k < width; k++) {
        const coefficient = axis.coefficient.data[row + k];
        if (coefficient === 0) continue;
        const at = axis.at.data[row + k];
        const zero = spot.at < 0 || at < 0;
        met.push({
          at: zero ? -1 : spot.at * spatial[a] + at,
          kernel: [...spot.kernel, axis.kernel.data[row + k]],
          coefficient: spot.coefficient * coefficient,
        });
      }
      return met;
    });
  });
  const plane = size(spatial);
  const taps = [];
  const kernel = stage.bank && stage.bank.slice(-Math.max(stage.axes.length, 1));
  for (let c = 0; c < stage.fan_in; c++) {
    for (const spot of spots) {
      taps.push({
        tensor: stage.reads[0],
        input: spot.at < 0 ? -1 : (n * channels + first + c) * plane + spot.at,
        weight: kernel ? weightAt(stage, filter, c, spot.kernel) : -1,
        coefficient: spot.coefficient,
      });
    }
  }
  return taps;
}

/** The flat weight in the bank, whose cubes have filters, channels (times the kernel's depth), rows and columns. */
function weightAt(stage, filter, channel, kernel) {
  const [, slices, rows, columns] = stage.bank;
  const [column = 0, row = 0, depth = 0] = [...kernel].reverse();
  const deep = slices / stage.fan_in;
  return ((filter * slices + channel * deep + depth) * rows + row) * columns + column;
}

/** The value of an output cell from its taps; NaN where values are not known. */
export function valueOf(live, stage, flat, taps) {
  const products = taps.map((tap) => product(live, stage, tap));
  if (stage.reduce === "max") return Math.max(...products);
  return products.reduce((sum, x) => sum + x, addedTo(stage, flat));
}

export function product(live, stage, tap) {
  const x = tap.input < 0 ? 0 : (live.tensors[tap.tensor].values?.data[tap.input] ?? NaN);
  const w = tap.weight < 0 ? 1 : (stage.weight?.data[tap.weight] ?? NaN);
  return x * w * tap.coefficient;
}

/** Which bias is added to an output cell. */
export function biasOf(stage, flat) {
  return Math.floor(flat / stage.channel_cells) % stage.bias.data.length;
}

const addedTo = (stage, flat) => (stage.bias ? stage.bias.data[biasOf(stage, flat)] : 0);

const bracketed = (value) => (value < 0 ? `(${told(value)})` : told(value));

/**
 * How an output cell is worked out, as one writes it: `1·2 + 0·(−1) = 2`.
 * @returns {{terms: string[], result: string, join: string, more: number} | null}
 */
export function written(live, stage, flat, taps) {
  if (!["sum", "max"].includes(stage.reduce)) return null;
  const value = valueOf(live, stage, flat, taps);
  if (Number.isNaN(value)) return null;
  const terms = taps.slice(0, MOST_TERMS).map((tap) => {
    const x = tap.input < 0 ? 0 : live.tensors[tap.tensor].values.data[tap.input];
    const factors = [x, ...(tap.weight < 0 ? [] : [stage.weight.data[tap.weight]])];
    if (tap.coefficient !== 1) factors.unshift(tap.coefficient);
    return factors.map((factor, i) => (i ? bracketed(factor) : factors.length > 1 ? bracketed(factor) : told(factor))).join("·");
  });
  const more = taps.length - terms.length;
  if (stage.bias && stage.reduce === "sum") terms.push(bracketed(addedTo(stage, flat)));
  return { terms, result: told(value), join: stage.reduce === "max" ? ", " : " + ", more };
}

/** What a scene tells of its cells, found by the names under which they are drawn. */
export class Live {
  /** @param {any} data */
  constructor(data) {
    this.tensors = data.tensors;
    this.stages = data.stages.map((stage) => ({
      ...stage,
      channel_cells: channelCells(data.tensors[stage.makes]),
    }));
    this.numbers = new Map(data.tensors.map((tensor, number) => [tensor.cells, number]));
    this.banks = new Map(this.stages.filter((s) => s.filters).map((stage) => [stage.filters, stage]));
    this.biases = new Map(this.stages.filter((s) => s.biases).map((stage) => [stage.biases, stage]));
  }

  /** What these cells belong to: a tensor's number, a bank's stage, or one whose biases they are. */
  owner(name) {
    if (this.biases.has(name)) return { added: this.biases.get(name) };
    if (this.banks.has(name)) return { stage: this.banks.get(name) };
    const known = this.numbers.get(name) ?? this.numbers.get(name.replace(/-(partial|added)-\d+$/, ""));
    return known === undefined ? null : { tensor: known };
  }

  /** The stage that makes a tensor; undefined for the input. */
  maker(tensor) {
    return this.stages.find((stage) => stage.makes === tensor);
  }
}

/** How many cells of a tensor have one bias. */
function channelCells(tensor) {
  const told = tensor.told;
  const spatial = tensor.batched ? told.slice(2) : told.slice(1);
  return size(spatial);
}
