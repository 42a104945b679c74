/**
 * A small port of conv_math: shapes, windows and values of a single operation. Names, orders of checks and messages are
 * those of the Python, against which tests hold all of it.
 *
 * @typedef {{op: string, arguments: Record<string, any>, input: number[]}} Setting
 * @typedef {import("./pack.js").Packed} Packed
 */

/** An argument is wrong: one line that names the class, the parameter, its value and what is allowed. */
export class ConvMathError extends Error {}

/** Of so many windows of unequal size it is told in numbers where they are. */
const LISTED_WINDOWS = 4;
const AXIS_CELLS = ["planes", "rows", "columns"];
const product = (shape) => shape.reduce((a, b) => a * b, 1);
const refuse = (text) => {
  throw new ConvMathError(text);
};

/** A value as Python writes it. */
export function shown(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return `'${value}'`;
  if (Array.isArray(value)) return `(${value.map(shown).join(", ")}${value.length === 1 ? "," : ""})`;
  return String(value);
}

/** A number that is a float in Python. */
const float = (value) => (Array.isArray(value) ? `(${value.map(float).join(", ")})` : Number.isInteger(value) ? `${value}.0` : String(value));

/** One integer per spatial axis. */
export const each = (value, axes) => (Array.isArray(value) ? value : new Array(axes).fill(value));

function integer(name, field, value, least = 1) {
  if (!Number.isInteger(value) || value < least) {
    refuse(`${name}: ${field}=${shown(value)}; allowed: an integer >= ${least}`);
  }
}

function perAxis(name, field, value, axes, least) {
  if (each(value, axes).some((v) => !Number.isInteger(v) || v < least)) {
    const all = axes > 1 ? ` or ${axes} of them, one per spatial axis` : "";
    refuse(`${name}: ${field}=${shown(value)}; allowed: an integer >= ${least}${all}`);
  }
}

const axesOf = (op) => Number(/([123])d$/.exec(op)?.[1] ?? 0);
const cellsOf = (axis, axes) => AXIS_CELLS[3 - axes + axis];

/** The window of a convolution or a pool: per axis its cells, its step, its dilation and the padding on both sides. */
function windowOf(a, axes) {
  const kernel = each(a.kernel_size, axes);
  const dilation = each(a.dilation ?? 1, axes);
  const stride = each(a.stride ?? a.kernel_size, axes);
  const sides = kernel.map((k, axis) => {
    if (a.padding === "same") {
      const around = dilation[axis] * (k - 1);
      return [Math.floor(around / 2), around - Math.floor(around / 2)];
    }
    const side = a.padding === "valid" ? 0 : each(a.padding ?? 0, axes)[axis];
    return [side, side];
  });
  return kernel.map((k, axis) => ({
    kernel: k,
    stride: stride[axis],
    dilation: dilation[axis],
    before: sides[axis][0],
    after: sides[axis][1],
    extent: (k - 1) * dilation[axis] + 1,
  }));
}

/** The input's cell that padding repeats; -1 for a zero. */
export function sourceOf(at, size, mode) {
  if (at >= 0 && at < size) return at;
  if (mode === "zeros") return -1;
  if (mode === "reflect") return size - 1 - Math.abs(size - 1 - Math.abs(at));
  if (mode === "replicate") return Math.min(Math.max(at, 0), size - 1);
  return ((at % size) + size) % size;
}

function checkSides(name, sides, spatial, mode) {
  const most = { reflect: -1, circular: 0 }[mode];
  if (most === undefined) return;
  spatial.forEach((size, axis) => {
    const largest = Math.max(...sides[axis]);
    if (largest > size + most) {
      const cells = cellsOf(axis, spatial.length);
      refuse(`${name}: padding=${largest} with padding_mode='${mode}' on ${size} ${cells}; allowed: <= ${size + most}`);
    }
  });
}

function checkWeighted(name, a, axes, fields) {
  for (const field of ["in_channels", "out_channels", "groups"]) integer(name, field, a[field]);
  for (const [field, least] of fields) perAxis(name, field, a[field], axes, least);
  for (const field of ["in_channels", "out_channels"]) {
    if (a[field] % a.groups) refuse(`${name}: groups=${a.groups} must divide ${field}=${a[field]}`);
  }
}

function checkChannels(name, a, item) {
  if (item[0] !== a.in_channels) {
    refuse(`${name}: the input has ${item[0]} channels; allowed: in_channels=${a.in_channels}`);
  }
}

/** What every kind of operation answers; `item` is the input's (C, *spatial). */
const conv = {
  weighted: true,
  reduce: "sum",
  check(name, a, axes) {
    const fields = { kernel_size: 1, stride: 1, padding: 0, dilation: 1 };
    if (typeof a.padding === "string") delete fields.padding;
    checkWeighted(name, a, axes, Object.entries(fields));
    if (a.padding === "same" && each(a.stride, axes).some((s) => s !== 1)) {
      refuse(`${name}: padding='same' with stride=${shown(a.stride)}; allowed: stride=1`);
    }
  },
  output(name, a, item) {
    checkChannels(name, a, item);
    const spatial = item.slice(1);
    const window = windowOf(a, spatial.length);
    window.forEach(({ extent, before, after }, axis) => {
      const padded = spatial[axis] + before + after;
      if (extent > padded) {
        const added = before === after ? `2*${before}` : `${before} + ${after}`;
        refuse(
          `${name}: kernel_size=${shown(a.kernel_size)} (dilation=${shown(a.dilation)}) spans ${extent} cells, ` +
            `more than the padded input's ${spatial[axis]} + ${added} = ${padded} ${cellsOf(axis, spatial.length)}; ` +
            `allowed: (kernel_size - 1)*dilation + 1 <= ${padded}`,
        );
      }
    });
    const sizes = window.map((w, axis) => Math.floor((spatial[axis] + w.before + w.after - w.extent) / w.stride) + 1);
    checkSides(name, window.map((w) => [w.before, w.after]), spatial, a.padding_mode);
    return [a.out_channels, ...sizes];
  },
  reach(a, item, axis, count) {
    const w = windowOf(a, item.length - 1)[axis];
    return rows(count, (place) =>
      range(w.kernel).map((k) => {
        const at = place * w.stride - w.before + k * w.dilation;
        return [sourceOf(at, item[1 + axis], a.padding_mode), k, 1];
      }),
    );
  },
  weight: (a, axes) => [a.out_channels, a.in_channels / a.groups, ...each(a.kernel_size, axes)],
  fanIn: (a) => a.in_channels / a.groups,
  macs: (a, item, output, weight) => product(output) * product(weight.slice(1)),
};

const transposed = {
  ...conv,
  check(name, a, axes) {
    const fields = { kernel_size: 1, stride: 1, padding: 0, output_padding: 0, dilation: 1 };
    checkWeighted(name, a, axes, Object.entries(fields));
    const [added, stride, dilation] = ["output_padding", "stride", "dilation"].map((field) => each(a[field], axes));
    if (added.some((more, axis) => more > Math.max(stride[axis], dilation[axis]) - 1)) {
      refuse(
        `${name}: output_padding=${shown(a.output_padding)}; ` +
          `allowed: less than stride=${shown(a.stride)} or dilation=${shown(a.dilation)}`,
      );
    }
  },
  output(name, a, item) {
    checkChannels(name, a, item);
    const spatial = item.slice(1);
    const more = each(a.output_padding, spatial.length);
    const sizes = windowOf(a, spatial.length).map(
      (w, axis) => (spatial[axis] - 1) * w.stride - 2 * w.before + w.extent + more[axis],
    );
    sizes.forEach((size, axis) => {
      if (size < 1) {
        refuse(
          `${name}: padding=${shown(a.padding)} leaves ${size} ${cellsOf(axis, sizes.length)}; allowed: ` +
            "(input - 1)*stride - 2*padding + dilation*(kernel_size - 1) + output_padding + 1 >= 1",
        );
      }
    });
    return [a.out_channels, ...sizes];
  },
  reach(a, item, axis, count) {
    const w = windowOf(a, item.length - 1)[axis];
    const size = item[1 + axis];
    return rows(count, (place) =>
      range(w.kernel).map((k) => {
        const spread = place + w.before - k * w.dilation;
        const zero = spread < 0 || spread > (size - 1) * w.stride || spread % w.stride !== 0;
        return [zero ? -1 : spread / w.stride, k, 1];
      }),
    );
  },
  weight: (a, axes) => [a.in_channels, a.out_channels / a.groups, ...each(a.kernel_size, axes)],
  macs: (a, item, output, weight) => product(item) * product(weight.slice(1)),
  /** How many of these products fall on a cell of the output. */
  landing(a, item, output) {
    const met = output.slice(1).map((count, axis) => transposed.reach(a, item, axis, count).at.data.filter((at) => at >= 0).length);
    return item[0] * (a.out_channels / a.groups) * product(met);
  },
};

const pool = {
  check(name, a, axes) {
    for (const [field, least] of Object.entries({ kernel_size: 1, stride: 1, padding: 0, dilation: 1 })) {
      if (field in a && !(field === "stride" && a.stride === null)) perAxis(name, field, a[field], axes, least);
    }
    if (windowOf(a, axes).some((w) => w.before > Math.floor(w.kernel / 2))) {
      refuse(
        `${name}: padding=${shown(a.padding)} with kernel_size=${shown(a.kernel_size)}; allowed: at most half of it`,
      );
    }
  },
  output(name, a, item) {
    const spatial = item.slice(1);
    if (name === "AvgPool3d" && spatial.some((size, axis) => size < each(a.kernel_size, 3)[axis])) {
      refuse(
        `${name}: kernel_size=${shown(a.kernel_size)} on an input of ${shown(spatial)} cells; ` +
          "allowed: at most the input's size without padding",
      );
    }
    const sizes = windowOf(a, spatial.length).map((w, axis) => {
      const size = spatial[axis];
      const padded = size + 2 * w.before;
      let count = Math.floor((padded - w.extent) / w.stride) + 1;
      if (a.ceil_mode) {
        count = -Math.floor((w.extent - padded) / w.stride) + 1;
        if ((count - 1) * w.stride >= size + w.before) count--;
      }
      if (count < 1) {
        refuse(
          `${name}: kernel_size=${shown(a.kernel_size)} spans ${w.extent} cells, more than the padded input's ` +
            `${size} + 2*${w.before} = ${padded} ${cellsOf(axis, spatial.length)}; allowed: at most ${padded}`,
        );
      }
      return count;
    });
    return [item[0], ...sizes];
  },
};

const maxPool = {
  ...pool,
  reduce: "max",
  reach(a, item, axis, count) {
    const w = windowOf(a, item.length - 1)[axis];
    return rows(count, (place) => {
      const start = place * w.stride - w.before;
      const met = range(w.kernel).map((k) => [start + k * w.dilation, k, 1]);
      return met.filter(([at]) => at >= 0 && at < item[1 + axis]);
    });
  },
};

const avgPool = {
  ...pool,
  reduce: "sum",
  reach(a, item, axis, count) {
    const w = windowOf(a, item.length - 1)[axis];
    const size = item[1 + axis];
    const [low, high] = a.count_include_pad ? [-w.before, size + w.after] : [0, size];
    const own = a.divisor_override ?? null;
    return rows(count, (place) => {
      const start = place * w.stride - w.before;
      const counted = Math.min(start + w.kernel, high) - Math.max(start, low);
      const share = own === null ? 1 / counted : axis === 0 ? 1 / own : 1;
      const met = range(w.kernel).map((k) => [start + k, k, share]);
      return met.filter(([at]) => at >= low && at < high).map(([at, k, c]) => [at < 0 || at >= size ? -1 : at, k, c]);
    });
  },
};

const adaptive = (reduce) => ({
  reduce,
  check(name, a, axes) {
    const wrong = each(a.output_size, axes).some((n) => n !== null && (!Number.isInteger(n) || n < 1));
    if (wrong) {
      const all = axes > 1 ? `, or ${axes} of them` : "";
      refuse(`${name}: output_size=${shown(a.output_size)}; allowed: an integer >= 1 or None${all}`);
    }
  },
  output: (name, a, item) => [item[0], ...each(a.output_size, item.length - 1).map((n, axis) => n ?? item[1 + axis])],
  reach(a, item, axis, count) {
    const size = item[1 + axis];
    return rows(count, (place) => {
      const start = Math.floor((place * size) / count);
      const end = Math.ceil(((place + 1) * size) / count);
      return range(end - start).map((k) => [start + k, k, reduce === "max" ? 1 : 1 / (end - start)]);
    });
  },
});

const upsample = {
  reduce: "sum",
  check() {},
  output(name, a, item) {
    const spatial = item.slice(1);
    if (a.size !== null) return [item[0], ...each(a.size, spatial.length)];
    const factors = each(a.scale_factor, spatial.length);
    const sizes = spatial.map((size, axis) => Math.floor(size * factors[axis]));
    if (Math.min(...sizes) < 1) {
      refuse(
        `${name}: scale_factor=${float(a.scale_factor)} leaves ${Math.min(...sizes)} of ${shown(spatial)} cells; ` +
          "allowed: >= 1",
      );
    }
    return [item[0], ...sizes];
  },
  reach(a, item, axis, count) {
    const size = item[1 + axis];
    const given = a.size === null && !a.recompute_scale_factor;
    const scale = given ? 1 / each(a.scale_factor, item.length - 1)[axis] : size / count;
    if (a.mode === "nearest") {
      const whole = item.length === 3 && (count === size || count === 2 * size);
      const near = (place) => (whole ? Math.floor(place / (count / size)) : Math.floor(Math.fround(Math.fround(place) * Math.fround(scale))));
      return rows(count, (place) => [[Math.min(Math.max(near(place), 0), size - 1), 0, 1]]);
    }
    return rows(count, (place) => {
      const corner = count > 1 ? (size - 1) / (count - 1) : 0;
      const spot = a.align_corners ? place * corner : Math.max((place + 0.5) * scale - 0.5, 0);
      const low = Math.min(Math.floor(spot), size - 1);
      const share = low === size - 1 ? 0 : spot - low;
      return [
        [low, 0, 1 - share],
        [low + 1, 1, share],
      ].filter(([, , c]) => c > 0);
    });
  },
};

/** Moves: `from` tells the input's cell (C, *spatial) of an output's; null for a zero. */
const move = { move: true, reduce: "move", check() {} };
const MOVES = {
  ChannelShuffle: {
    ...move,
    check: (name, a) => integer(name, "groups", a.groups),
    output(name, a, item) {
      if (item[0] % a.groups) refuse(`${name}: groups=${a.groups} must divide the input's ${item[0]} channels`);
      return item;
    },
    from: (a, item) => ([c, ...place]) => [(c % a.groups) * (item[0] / a.groups) + Math.floor(c / a.groups), ...place],
  },
  PixelShuffle: {
    ...move,
    check: (name, a) => integer(name, "upscale_factor", a.upscale_factor),
    output(name, a, [channels, height, width]) {
      const r = a.upscale_factor;
      if (channels % r ** 2) {
        refuse(`${name}: upscale_factor=${r}: ${r}*${r} must divide the input's ${channels} channels`);
      }
      return [channels / r ** 2, height * r, width * r];
    },
    from: ({ upscale_factor: r }) => ([c, h, w]) => [(c * r + (h % r)) * r + (w % r), Math.floor(h / r), Math.floor(w / r)],
  },
  PixelUnshuffle: {
    ...move,
    check: (name, a) => integer(name, "downscale_factor", a.downscale_factor),
    output(name, a, [channels, height, width]) {
      const r = a.downscale_factor;
      if (height % r || width % r) {
        refuse(`${name}: downscale_factor=${r} must divide the input's ${height} x ${width} cells`);
      }
      return [channels * r ** 2, height / r, width / r];
    },
    from: ({ downscale_factor: r }) => ([c, h, w]) => {
      const within = c % r ** 2;
      return [Math.floor(c / r ** 2), h * r + Math.floor(within / r), w * r + (within % r)];
    },
  },
  Pad: {
    ...move,
    output(name, a, item) {
      const sides = padSides(a, item.length - 1);
      const spatial = item.slice(1);
      const padded = spatial.map((size, axis) => size + sides[axis][0] + sides[axis][1]);
      if (Math.min(...padded) < 1) {
        refuse(`${name}: padding=${shown(a.padding)} leaves ${Math.min(...padded)} of ${shown(spatial)} cells; allowed: >= 1`);
      }
      checkSides(name, sides, spatial, a.padding_mode);
      return [item[0], ...padded];
    },
    from: (a, item) => ([c, ...place]) => {
      const sides = padSides(a, item.length - 1);
      const at = place.map((p, axis) => sourceOf(p - sides[axis][0], item[1 + axis], a.padding_mode));
      return at.some((p) => p < 0) ? null : [c, ...at];
    },
  },
  ZeroInsert: {
    ...move,
    check: (name, a) => each(a.stride, 1).forEach((s) => integer(name, "stride", s)),
    output: (name, a, item) => [item[0], ...each(a.stride, item.length - 1).map((s, axis) => (item[1 + axis] - 1) * s + 1)],
    from: (a, item) => ([c, ...place]) => {
      const strides = each(a.stride, item.length - 1);
      return place.some((p, axis) => p % strides[axis]) ? null : [c, ...place.map((p, axis) => p / strides[axis])];
    },
  },
};

const padSides = (a, axes) =>
  each(a.padding, axes).map((pair) => (Array.isArray(pair) ? pair : [pair, pair]));

const KINDS = { Conv: conv, ConvTranspose: transposed, MaxPool: maxPool, AvgPool: avgPool };
KINDS.AdaptiveAvgPool = adaptive("sum");
KINDS.AdaptiveMaxPool = adaptive("max");
KINDS.Upsample = upsample;

/** The kind of an operation by its class; undefined for those that are not of this page. */
export function kindOf(op) {
  return MOVES[op] ?? KINDS[op.replace(/[123]d$/, "")];
}

const range = (count) => Array.from({ length: count }, (_, i) => i);

/**
 * What windows at all places meet along an axis, as rows of equal length: a coefficient of 0 fills them up.
 * @param {(place: number) => number[][]} met (cell, kernel cell, coefficient) of a place
 */
function rows(count, met) {
  const all = range(count).map(met);
  const width = Math.max(0, ...all.map((row) => row.length));
  const shape = [count, width];
  const at = { data: new Int32Array(count * width).fill(-1), shape };
  const kernel = { data: new Int32Array(count * width), shape };
  const coefficient = { data: new Float64Array(count * width), shape };
  all.forEach((row, place) =>
    row.forEach(([cell, k, share], i) => {
      at.data[place * width + i] = cell;
      kernel.data[place * width + i] = k;
      coefficient.data[place * width + i] = share;
    }),
  );
  return { at, kernel, coefficient };
}

/**
 * The numbers of an operation over an input.
 * @param {Setting} setting
 * @returns {{item: number[], output: number[], weight: number[] | null, bias: number[] | null, parameters: number,
 *   macs: number, landing: number}} `landing` are those that fall on a cell of the output
 * @throws {ConvMathError} for what the Python refuses
 */
export function shapesOf({ op, arguments: a, input }) {
  const kind = kindOf(op);
  const axes = axesOf(op) || input.length - 1;
  kind.check(op, a, axes);
  const output = kind.output(op, a, input);
  const weight = kind.weighted ? kind.weight(a, axes) : null;
  const bias = kind.weighted && a.bias ? [a.out_channels] : null;
  const parameters = (weight ? product(weight) : 0) + (bias ? bias[0] : 0);
  const macs = weight ? kind.macs(a, input, output, weight) : 0;
  const landing = kind.landing ? kind.landing(a, input, output) : macs;
  return { item: input, output, weight, bias, parameters, macs, landing };
}

/** The shape of the bank of filters as cubes: filters, their channels (times the kernel's depth), rows and columns. */
export function bankOf({ op, arguments: a, input }) {
  const kind = kindOf(op);
  if (!kind.weighted) return null;
  const kernel = each(a.kernel_size, input.length - 1);
  const [rows_, columns] = [1, ...kernel].slice(-2);
  return [a.out_channels, (a.in_channels / a.groups) * (kernel.length === 3 ? kernel[0] : 1), rows_, columns];
}

/**
 * Of what every output cell is made, as `scenes/live.py` tells it of a stage that reads tensor 0 and makes tensor 1.
 * @param {Setting} setting
 */
export function madeOf(setting) {
  const { op, arguments: a, input } = setting;
  const kind = kindOf(op);
  const { output } = shapesOf(setting);
  const stage = { op, reads: [0], makes: 1, reduce: kind.reduce, item: input, output, bank: bankOf(setting) };
  if (kind.move) {
    const from = kind.from(a, input);
    const count = product(output);
    const cells = new Int32Array(count);
    range(count).forEach((flat) => (cells[flat] = flatten(from(unravel(flat, output)), input)));
    const packed = (data) => ({ data, shape: [data.length] });
    return {
      ...stage,
      kind: "table",
      starts: packed(Int32Array.from({ length: count + 1 }, (_, i) => i)),
      which: packed(new Int32Array(count)),
      input: packed(cells),
      weight_cells: packed(new Int32Array(count).fill(-1)),
      coefficient: packed(new Float64Array(count).fill(1)),
    };
  }
  const axes = output.slice(1).map((count, axis) => kind.reach(a, input, axis, count));
  const kernel = kind.weighted ? each(a.kernel_size, axes.length) : null;
  return { ...stage, kind: "window", fan_in: kind.weighted ? kind.fanIn(a) : 1, axes, kernel };
}

function unravel(flat, shape) {
  const index = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = flat % shape[axis];
    flat = Math.floor(flat / shape[axis]);
  }
  return index;
}

const flatten = (index, shape) => (index === null ? -1 : index.reduce((flat, i, axis) => flat * shape[axis] + i, 0));

/**
 * The output's values.
 * @param {ReturnType<typeof madeOf>} stage
 * @param {ArrayLike<number>} x of the input, flat
 * @param {ArrayLike<number> | null} weight as the bank lies, flat
 * @param {ArrayLike<number> | null} bias
 */
export function forward(stage, x, weight, bias) {
  const count = product(stage.output);
  const y = new Float64Array(count);
  if (stage.kind === "table") {
    for (let i = 0; i < count; i++) y[i] = stage.input.data[i] < 0 ? 0 : x[stage.input.data[i]];
    return y;
  }
  const [filters, ...places] = stage.output;
  const [channels, ...spatial] = stage.item;
  const perGroup = filters / (channels / stage.fan_in);
  const plane = product(spatial);
  const positions = product(places);
  const slice = weight ? product(stage.bank.slice(1)) / stage.fan_in : 0;
  const kernel = stage.kernel ?? places.map(() => 0);
  for (let position = 0; position < positions; position++) {
    const spots = spotsAt(stage, unravel(position, places), spatial, kernel);
    for (let f = 0; f < filters; f++) {
      const first = Math.floor(f / perGroup) * stage.fan_in;
      let value = stage.reduce === "max" ? -Infinity : 0;
      for (let c = 0; c < stage.fan_in; c++) {
        for (const [at, k, coefficient] of spots) {
          const read = at < 0 ? 0 : x[(first + c) * plane + at];
          const w = weight ? weight[(f * stage.fan_in + c) * slice + k] : 1;
          const part = coefficient * read * w;
          if (stage.reduce === "max") value = Math.max(value, part);
          else value += part;
        }
      }
      y[f * positions + position] = value + (bias ? bias[f] : 0);
    }
  }
  return y;
}

/**
 * All that a window meets at a place: [flat cell in its channel or -1, flat cell of the kernel, coefficient] each, the
 * kernel being so long along each axis.
 */
function spotsAt(stage, place, spatial, kernel) {
  let spots = [[0, 0, 1]];
  stage.axes.forEach((axis, a) => {
    const width = axis.at.shape[1];
    const row = place[a] * width;
    const next = [];
    for (const [at, k, coefficient] of spots) {
      for (let i = row; i < row + width; i++) {
        const share = axis.coefficient.data[i];
        if (share === 0) continue;
        const cell = axis.at.data[i];
        const zero = at < 0 || cell < 0;
        next.push([zero ? -1 : at * spatial[a] + cell, k * kernel[a] + axis.kernel.data[i], coefficient * share]);
      }
    }
    spots = next;
  });
  return spots;
}

/** The call as one writes it in PyTorch: what differs from the defaults. */
export function callOf({ op, arguments: a, input }) {
  if (op === "Pad") {
    const flat = padSides(a, input.length - 1).reverse().flat();
    return `F.pad(x, ${shown(flat)}${a.padding_mode === "zeros" ? "" : `, mode=${shown(a.padding_mode)}`})`;
  }
  if (op === "ZeroInsert") return `y[${["...", ...each(a.stride, input.length - 1).map((s) => `::${s}`)].join(", ")}] = x`;
  const needed = { Conv: 3, ConvTranspose: 3 }[op.replace(/[123]d$/, "")];
  const defaults = {
    stride: needed ? 1 : null,
    padding: 0,
    output_padding: 0,
    dilation: 1,
    groups: 1,
    bias: true,
    padding_mode: "zeros",
    return_indices: false,
    ceil_mode: false,
    count_include_pad: true,
    divisor_override: null,
    size: null,
    scale_factor: null,
    mode: "nearest",
    align_corners: null,
    recompute_scale_factor: null,
  };
  const positional = ["in_channels", "out_channels", "output_size", "upscale_factor", "downscale_factor"];
  if (op === "ChannelShuffle") positional.push("groups");
  const told = Object.entries(a).flatMap(([name, value]) => {
    const same = Array.isArray(value) && value.every((v) => v === value[0]) && name !== "output_size";
    const text = shown(same ? value[0] : value);
    if (positional.includes(name)) return [text];
    const silent = name === "spatial_axes" || (name in defaults && text === shown(defaults[name]));
    return silent ? [] : [`${name}=${text}`];
  });
  return `nn.${op}(${told.join(", ")})`;
}

/**
 * The output-size formula with these numbers: one line if all axes agree, else one for each.
 * @param {Setting} setting
 * @param {(key: string, number: number | string) => string} [named] how it tells a number, given what that is
 */
export function formulasOf({ op, arguments: a, input }, named = (_, number) => String(number)) {
  const kind = kindOf(op);
  const spatial = input.slice(1);
  const output = kind.output(op, a, input).slice(1);
  let lines = [];
  if (op === "ZeroInsert") {
    const strides = each(a.stride, spatial.length);
    lines = spatial.map((size, axis) => `(${size} − 1)·${named("stride", strides[axis])} + 1 = ${output[axis]}`);
  } else if (op === "Pad") {
    const sides = padSides(a, spatial.length);
    lines = spatial.map((size, axis) => `${size} + ${around(...sides[axis], named)} = ${output[axis]}`);
  } else if (op === "Upsample" && a.size === null) {
    const factors = each(a.scale_factor, spatial.length);
    lines = spatial.map((before, axis) => {
      const [factor, after] = [factors[axis], output[axis]];
      const larger = `${before}·${named("factor", factor)}`;
      return `${before * factor === after ? larger : `floor(${larger})`} = ${after}`;
    });
  } else if (op.startsWith("Adaptive") && spatial.every((before, axis) => output[axis] <= before)) {
    lines = spatial.map((before, axis) => {
      const after = output[axis];
      if (before % after === 0) return `${before} / ${named("window", before / after)} = ${after}`;
      const window = named("window", "i");
      const rule = `${window}: floor(${before}·i / ${after}) … ceil(${before}·(i + 1) / ${after}) − 1`;
      if (after > LISTED_WINDOWS) return `${rule}, i = 0 … ${after - 1}`;
      const ends = (i) => [Math.floor((before * i) / after), Math.ceil((before * (i + 1)) / after) - 1];
      return `${rule} = ${Array.from({ length: after }, (_, i) => ends(i).join("…")).join(", ")}`;
    });
  } else if ("kernel_size" in a) {
    lines = windowOf(a, spatial.length).map((w, axis) => {
      const [before, after] = [spatial[axis], output[axis]];
      const kernel = named(kind.weighted ? "kernel" : "window", w.kernel);
      const reach = w.dilation === 1 ? kernel : `(${named("dilation", w.dilation)}·(${kernel} − 1) + 1)`;
      const stride = named("stride", w.stride);
      if (kind === transposed) {
        const more = each(a.output_padding, spatial.length)[axis];
        const added = more ? ` + ${named("output_padding", more)}` : "";
        return `(${before} − 1)·${stride} − 2·${named("padding", w.before)} + ${reach}${added} = ${after}`;
      }
      const spare = before + w.before + w.after - w.extent;
      let quotient = `(${before} − ${reach} + ${around(w.before, w.after, named)}) / ${stride}`;
      if (spare % w.stride) {
        quotient = `${after > Math.floor(spare / w.stride) + 1 ? "ceil" : "floor"}(${quotient})`;
      }
      return `${quotient} + 1 = ${after}`;
    });
  }
  if (new Set(lines).size === 1) return lines.slice(0, 1);
  const names = ["D", "H", "W"].slice(-lines.length);
  return lines.map((line, axis) => `${names[axis]}:  ${line}`);
}

/** Padding on both sides: `2·1`, `1 + 2`. */
function around(before, after, named) {
  return before === after ? `2·${named("padding", before)}` : named("padding", `${before} + ${after}`);
}
