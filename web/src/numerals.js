/** Numbers as they stand on cells and in words, as `scenes/numerals.py` writes them. */

export const MINUS = "−";
export const GLYPHS = `0123456789.${MINUS}e`;
const CHARACTERS = 4;
const DECIMALS = 2;
/** From here on numbers in words have so many digits and a power of ten. */
const LONG = 1e7;
const DIGITS = 3;

/** A finite number in four characters: `12`, `−3.5`, `0.33`, `2e5`. */
export function short(value) {
  const texts = [];
  for (let decimals = 0; decimals <= DECIMALS; decimals++) {
    const text = value.toFixed(decimals);
    if (text.length <= CHARACTERS) texts.push(text);
  }
  if (!texts.length) {
    const [digit, exponent] = value.toExponential(0).split("e");
    return `${digit}e${Number(exponent)}`.replace("-", MINUS);
  }
  const text = texts.find((each) => Math.abs(Number(each) - value) <= 1e-9) ?? texts.at(-1);
  return text.replace("-", Number(text) ? MINUS : "");
}

/** A number as it is or, where four characters only come near it, in two digits: 35.36 is 35, and 4.77 is 4.8. */
export function rougher(value) {
  const exact = Math.abs(Number(short(value).replace(MINUS, "-")) - value) <= 1e-9;
  return exact || Math.abs(value) < 1 || Math.abs(value) >= 100 ? value : Number(value.toExponential(1));
}

/** A number in words: with two decimals at most, and no more than it needs. */
export function told(value) {
  if (Math.abs(value) >= LONG) {
    const text = Number(value.toPrecision(DIGITS)).toExponential();
    return text.replace(/e\+(\d)$/, "e+0$1").replace("-", MINUS);
  }
  const text = value.toFixed(DECIMALS).replace(/0+$/, "").replace(/\.$/, "");
  return text.replace("-", Number(text) ? MINUS : "");
}
