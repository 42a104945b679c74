/** The cell that is pointed at: its index, its value, and of what it was made. */

import { make } from "./dom.js";
import { biasOf, ravel, tapsOf, unravel, written } from "./live.js";
import { told } from "./numerals.js";
import { solid } from "./pick.js";

export class CellPanel {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.chosen = null; // what was clicked, or found with the keys
    this.hovered = null;
    this.rows = new Map();
    this.section = make("section", { "aria-live": "polite", "data-kind": "cell" });
    this.section.hidden = !app.data.live;
    app.panels.prepend(this.section);
  }

  hover(found) {
    if (found?.cells === this.hovered?.cells && found?.row === this.hovered?.row) return;
    this.hovered = found;
    this.refresh();
  }

  choose(found) {
    this.chosen = found;
    this.hovered = null;
    this.refresh();
  }

  /** After the storyboard has changed, too: cells are found again by their name and index. */
  refresh() {
    const { app } = this;
    if (this.story !== app.story) {
      this.story = app.story;
      this.rows.clear();
      this.chosen = this._again(this.chosen);
      this.hovered = null;
    }
    const found = this.hovered ?? this.chosen;
    const told = found && this.tell(found);
    app.picture.mark(told ? told.marked : null);
    this.section.replaceChildren(...this._shown(told));
    app.redraw();
  }

  _again(found) {
    if (!found) return null;
    const cells = this.story.cells.find((each) => each.name === found.cells.name);
    const row = cells ? this._row(cells, this._flat(found.cells, found.row)) : undefined;
    return row === undefined ? null : { cells, row };
  }

  _index(cells, row) {
    const rank = cells.index.shape[1];
    return [...cells.index.data.subarray(row * rank, (row + 1) * rank)];
  }

  _flat(cells, row) {
    return ravel(this._index(cells, row), cells.shape);
  }

  /** The row of a flat cell; undefined if it is not drawn. */
  _row(cells, flat) {
    if (!this.rows.has(cells)) {
      const count = cells.start.data.length;
      this.rows.set(cells, new Map(Array.from({ length: count }, (_, row) => [this._flat(cells, row), row])));
    }
    return this.rows.get(cells).get(flat);
  }

  /**
   * All that is known of a cell.
   * @returns {{name: string, index: number[], value: number | null, taps: any, sum: any, marked: Map<string, number[]>}}
   */
  tell({ cells, row }) {
    const { live } = this.app;
    const marked = new Map([[cells.name, [row]]]);
    const flat = this._flat(cells, row);
    const plain = { name: cells.name, index: this._index(cells, row), value: null, taps: null, sum: null, marked };
    const owner = live?.owner(cells.name);
    if (!owner) return plain;
    if (owner.added) return { ...plain, name: "bias", index: [flat], value: owner.added.bias?.data[flat] ?? null };
    if (owner.stage) {
      const { stage } = owner;
      return { ...plain, name: "filters", value: stage.weight?.data[flat] ?? null, bias: stage.bias?.data[plain.index[0]] };
    }
    const tensor = live.tensors[owner.tensor];
    const known = { ...plain, tensor: owner.tensor, index: unravel(flat, tensor.told), flat };
    known.name = owner.tensor === 0 ? "input" : "output";
    known.value = tensor.values?.data[flat] ?? null;
    const stage = live.maker(owner.tensor);
    if (!stage) return known;
    const taps = tapsOf(stage, flat);
    if (!taps) return { ...known, stage };
    for (const tap of taps) {
      this._mark(marked, live.tensors[tap.tensor].cells, tap.input);
      if (stage.filters) this._mark(marked, stage.filters, tap.weight);
    }
    if (stage.biases) this._mark(marked, stage.biases, biasOf(stage, flat));
    return { ...known, stage, taps, sum: written(live, stage, flat, taps) };
  }

  _mark(marked, name, flat) {
    const cells = flat < 0 ? null : this.story.cells.find((each) => each.name === name);
    const row = cells ? this._row(cells, flat) : undefined;
    if (row === undefined) return;
    if (!marked.has(name)) marked.set(name, []);
    marked.get(name).push(row);
  }

  _shown(found) {
    const { words, live } = this.app;
    if (!found) return [make("h2", {}, words("cell")), make("p.faint", {}, words("none"))];
    const name = ["input", "output", "filters", "bias"].includes(found.name) ? words(found.name) : found.name;
    const place = `${name}[${found.index.join(", ")}]`;
    const lines = [make("h2", {}, place)];
    const value = found.value === null ? words("unknown") : told(found.value);
    lines.push(make("p", {}, `${words(found.name === "filters" ? "weight" : "value")}: ${value}`));
    if (found.bias !== undefined && found.bias !== null) {
      lines.push(make("p", {}, `${words("bias")}: ${told(found.bias)}`));
    }
    const { stage, taps, sum } = found;
    if (taps && stage.reduce === "move") {
      const [tap] = taps;
      if (tap.input < 0) lines.push(make("p", {}, words("zero")));
      else {
        const from = live.tensors[tap.tensor];
        const index = `[${unravel(tap.input, from.told).join(", ")}]`;
        lines.push(make("p", {}, words("copy", { index, tensor: words(tap.tensor === 0 ? "input" : "output") })));
      }
    } else if (taps) {
      lines.push(make("p.faint", {}, words(stage.weight ? "products" : "reads", { count: taps.length })));
      if (sum) {
        const terms = sum.terms.join(sum.join) + (sum.more ? sum.join + words("more", { count: sum.more }) : "");
        const whole = stage.reduce === "max" ? `max(${terms})` : terms;
        lines.push(make("p.sum", { tabindex: 0 }, `${whole} = ${sum.result}`));
      } else if (stage.formula) lines.push(make("p.sum", {}, stage.formula));
    }
    return lines;
  }

  /** Keys in the picture; whether one was of use. */
  key(event) {
    if (event.key === "Escape" && this.chosen) {
      this.choose(null);
      return true;
    }
    if (event.key === "Enter") {
      this.choose(this._first());
      return true;
    }
    const moves = {
      ArrowLeft: [-1, -1],
      ArrowRight: [-1, 1],
      ArrowUp: [-2, -1],
      ArrowDown: [-2, 1],
      PageUp: [-3, -1],
      PageDown: [-3, 1],
    };
    const move = this.chosen && moves[event.key];
    if (!move) return false;
    const { cells, row } = this.chosen;
    const index = this._index(cells, row);
    const axis = index.length + move[0];
    if (axis >= 0) index[axis] += move[1];
    const fits = axis >= 0 && index[axis] >= 0 && index[axis] < cells.shape[axis];
    const next = fits ? this._row(cells, ravel(index, cells.shape)) : undefined;
    if (next !== undefined) this.choose({ cells, row: next });
    return true;
  }

  /** The newest cell that is seen of the last tensor with one; the input's first where there is none. */
  _first() {
    const { app } = this;
    const frame = Math.min(app.frame, app.story.frames);
    for (const cells of [...app.story.cells].filter((c) => solid(c) && app.live?.owner(c.name)?.tensor).reverse()) {
      const { shown } = app.poses.of(cells, frame);
      let newest = -1;
      shown.forEach((seen, row) => {
        if (seen && (newest < 0 || cells.start.data[row] >= cells.start.data[newest])) newest = row;
      });
      if (newest >= 0) return { cells, row: newest };
    }
    const [input] = app.story.cells.filter(solid);
    return input ? { cells: input, row: 0 } : null;
  }
}
