/** Numbers as they stand on cells and in words, as `scenes/numerals.py` writes them. */

export const MINUS = "−";
export const GLYPHS = `0123456789.${MINUS}e`;
const CHARACTERS = 4;
const DECIMALS = 2;
/** From here on numbers in words have so many digits and a power of ten. */
const LONG = 1e7;
const DIGITS = 3;

/** A number to so many decimals, as text; one half-way between two goes to the even one, as in Python. */
function fixed(value, decimals) {
  if (Math.abs((value * 2 ** (decimals + 1)) % 2) !== 1) return value.toFixed(decimals); // half-way are odd eighths, ...
  const scale = 10 ** decimals;
  const low = Math.floor(value * scale);
  return ((low + Math.abs(low % 2)) / scale).toFixed(decimals);
}

/** The same for so many digits and a power of ten: 250000 in one becomes 200000. */
function halved(value, digits) {
  const power = 10 ** (Math.floor(Math.log10(Math.abs(value))) - digits + 1);
  const low = Math.floor(value / power);
  return (low + 0.5) * power === value ? (low + Math.abs(low % 2)) * power : value;
}

/** A finite number in four characters: `12`, `−3.5`, `0.33`, `2e5`. */
export function short(value) {
  const texts = [];
  for (let decimals = 0; decimals <= DECIMALS; decimals++) {
    const text = fixed(value, decimals);
    if (text.length <= CHARACTERS) texts.push(text);
  }
  if (!texts.length) {
    const [digit, exponent] = halved(value, 1).toExponential(0).split("e");
    return `${digit}e${Number(exponent)}`.replace("-", MINUS);
  }
  const text = texts.find((each) => Math.abs(Number(each) - value) <= 1e-9) ?? texts.at(-1);
  return text.replace("-", Number(text) ? MINUS : "");
}

/** A number in words: with two decimals at most, and no more than it needs. */
export function told(value) {
  if (Math.abs(value) >= LONG) {
    const text = Number(halved(value, DIGITS).toPrecision(DIGITS)).toExponential();
    return text.replace(/e\+(\d)$/, "e+0$1").replace("-", MINUS);
  }
  const text = fixed(value, DECIMALS).replace(/0+$/, "").replace(/\.$/, "");
  return text.replace("-", Number(text) ? MINUS : "");
}
