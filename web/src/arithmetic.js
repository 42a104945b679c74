/** The numbers of the first step, told in words, as `scenes/arithmetic.py` tells them. */

import { MINUS, told } from "./numerals.js";
import { textWidth } from "./phrases.js";

/**
 * @typedef {{cells: number[], result: number, whole: boolean, weights: number[] | null, channels: number[],
 *   bias: number | null, seen: boolean, scatters: boolean, divisor: number | null}} Sum
 */

/**
 * The phases of the step with its numbers, each no wider than `room` (capitals) if an ellipsis makes it so; where the bias
 * is seen, one more.
 * @param {import("./phrases.js").Phrases} words
 * @param {Sum} one
 * @param {string[]} phases what is read, what is done with it, what comes of that, what is written
 * @param {number} room
 * @param {string} who has these numbers where others have theirs in the same step: a filter or a channel
 */
export function narrated(words, one, [land, does, spread, write], room, who) {
  const lead = who && !one.weights ? words.say("in", who, land) : land;
  const cells = one.scatters ? one.cells.slice(0, 1) : one.cells;
  const read = one.whole ? listed(lead + words.colon, cells.map(told), room) : lead;
  const writes = words.of(who, words.say("write_value", told(one.result)));
  if (!one.weights) {
    const mean = meanOf(words, words.of(who, does), one, room);
    return [read, mean, mean, writes];
  }
  const factors = factorsOf(one.cells, one.weights);
  const multiplies = words.say("multiply_values", who || words.say("one_filter", 1), "");
  if (one.scatters) return [read, listed(multiplies, factors, room), spread, write];
  const products = one.cells.map((cell, i) => cell * one.weights[i]);
  const sums = new Array(Math.max(...one.channels) + 1).fill(0);
  products.forEach((product, i) => (sums[one.channels[i]] += product));
  const several = sums.length > 1 && sums.length < products.length;
  const terms = several ? sums : products;
  let multiply = several ? "" : listed(multiplies, factors, room);
  if (several) {
    const mine = (list) => list.filter((_, i) => one.channels[i] === 0);
    const channel = words.say("multiply_channel", who || words.say("one_filter", 1), "");
    const equals = equalsOf(terms[0], mine(one.cells), mine(one.weights));
    multiply = shortened(channel, joined(mine(factors), " + "), " + …", equals, room);
  }
  const adds = words.of(who, words.say(several ? "sum_channels" : "sum_values", ""));
  if (!one.seen) return [read, multiply, added(words, adds, terms, one.bias, one.result, room), writes];
  const total = terms.reduce((sum, term) => sum + term, 0);
  const joins = added(words, words.of(who, words.say("bias_values", "")), [total, one.bias], null, one.result, room);
  return [read, multiply, terms.length > 1 ? added(words, adds, terms, null, total, room) : joins, joins, writes];
}

/** A sum in words, after the lead: `3 − 5 + bias 1 = −1`. */
function added(words, lead, terms, bias, result, room) {
  const biases = bias === null ? [] : [bias];
  const rest = biases.map((each) => ` + ${words.say("bias", bracketed(each))}`).join("") + equalsOf(result, terms, biases);
  return shortened(lead, addedUp(terms), " + …", rest, room);
}

/** What is made of cells without weights: the result alone or, of a mean of several cells, how it is worked out. */
function meanOf(words, does, one, room) {
  if (one.divisor === null || one.cells.length === 1) {
    const near = (cell) => Math.abs(cell - one.result) <= 1e-8 + 1e-5 * Math.abs(one.result);
    return does + (!one.cells.some(near) && !exactly(one.result) ? " ≈ " : words.colon) + told(one.result);
  }
  const rest = `) / ${told(one.divisor)}${equalsOf(one.result, one.cells, [one.divisor])}`;
  return shortened(`${does}${words.colon}(`, addedUp(one.cells), " + …", rest, room);
}

const addedUp = (terms) => [told(terms[0]), ...terms.slice(1).map((t) => ` ${t < 0 ? MINUS : "+"} ${told(Math.abs(t))}`)];

/** What is worked out from these numbers: about that, if any of them is told rounded. */
const equalsOf = (result, ...lists) => ` ${[result, ...lists.flat()].every(exactly) ? "=" : "≈"} ${told(result)}`;

/** Whether nothing is lost when it is told. */
function exactly(value) {
  const read = Number(told(value).replace(MINUS, "-"));
  return read === value || Math.abs(read - value) <= Math.max(1e-9, 1e-12 * Math.max(Math.abs(read), Math.abs(value)));
}

const factorsOf = (left, right) => left.map((one, i) => `${bracketed(one)}·${bracketed(right[i])}`);

const bracketed = (value) => (told(value).startsWith(MINUS) ? `(${told(value)})` : told(value));

const listed = (lead, texts, room) => shortened(lead, joined(texts, ", "), ", …", "", room);

const joined = (texts, by) => texts.map((text, i) => (i ? by + text : text));

/** The lead, as many of the parts as there is room for, at least one, and the rest; `more` stands for others. */
function shortened(lead, parts, more, rest, room) {
  const of = (shown) => lead + parts.slice(0, shown).join("") + (shown < parts.length ? more : "") + rest;
  let shown = Math.min(parts.length, Math.floor(room));
  while (shown > 1 && textWidth(of(shown)) > room) shown--;
  return of(Math.max(shown, 1));
}
