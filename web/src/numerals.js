/** Numbers as they stand on cells and in words, as `scenes/numerals.py` writes them. */

export const MINUS = "−";
export const GLYPHS = `0123456789.${MINUS}e`;
const CHARACTERS = 4;
const DECIMALS = 2;
const LONG = 1e7;

/** A number to so many decimals, as text; one half-way between two goes to the even one, as in Python. */
function fixed(value, decimals) {
  const scale = 10 ** decimals;
  const cut = Math.trunc(value * scale);
  const tie = Math.abs(value * scale - cut) === 0.5 && (cut + 0.5 * Math.sign(value)) / scale === value;
  return (tie ? (cut % 2 === 0 ? cut : cut + Math.sign(value)) / scale : value).toFixed(decimals);
}

/** The same for a number of one digit and a power of ten: 250000 becomes 200000. */
function halved(value) {
  const power = 10 ** Math.floor(Math.log10(Math.abs(value)));
  const digit = Math.trunc(value / power);
  const tie = (digit + 0.5 * Math.sign(value)) * power === value;
  return tie ? (digit % 2 === 0 ? digit : digit + Math.sign(value)) * power : value;
}

/** A finite number in four characters: `12`, `−3.5`, `0.33`, `2e5`. */
export function short(value) {
  const texts = [];
  for (let decimals = 0; decimals <= DECIMALS; decimals++) {
    const text = fixed(value, decimals);
    if (text.length <= CHARACTERS) texts.push(text);
  }
  if (!texts.length) {
    const [digit, exponent] = halved(value).toExponential(0).split("e");
    return `${digit}e${Number(exponent)}`.replace("-", MINUS);
  }
  const text = texts.find((each) => Math.abs(Number(each) - value) <= 1e-9) ?? texts.at(-1);
  return text.replace("-", Number(text) ? MINUS : "");
}

/** A number in words: with two decimals at most, and no more than it needs. */
export function told(value) {
  if (Math.abs(value) >= LONG) return value.toPrecision(3).replace("-", MINUS);
  const text = fixed(value, DECIMALS).replace(/0+$/, "").replace(/\.$/, "");
  return text.replace("-", Number(text) ? MINUS : "");
}
