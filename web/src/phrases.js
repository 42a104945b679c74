/** The words of pictures, as `scenes/captions.py` puts them together, and how wide they are, as `scenes/layout.py` says. */

const WIDTHS = new Map(
  Object.entries({
    0.42: " ijl'!,.:;·()`J",
    0.55: "-−[]Ift/\\{}",
    0.68: 'r"?_zsc°',
    0.82: "vyFLxk“”S*ET|aeY$+0123456789<=>Z^~×÷X",
    1.12: "G&DUHNOQw…",
    1.32: "%@MWmΣ",
    1.7: "→∞",
  }).flatMap(([width, letters]) => [...letters].map((letter) => [letter, Number(width)])),
);
const [CHINESE_WIDTH, OTHER_WIDTH] = [1.75, 0.92];

/** How wide a text is at most, in heights of a capital. */
export function textWidth(text) {
  return [...text].reduce((sum, c) => sum + (c.codePointAt(0) > 0x2e7f ? CHINESE_WIDTH : (WIDTHS.get(c) ?? OTHER_WIDTH)), 0);
}

/** 1234567 as 1,234,567. */
export const count = (number) => number.toLocaleString("en");

/** The vocabulary of one language. */
export class Phrases {
  /**
   * @param {Record<string, string>} known what `scenes/live.py` tells of it
   * @param {string} language
   */
  constructor(known, language) {
    this.known = known;
    [this.colon, this.comma] = language === "zh" ? ["：", "，"] : [": ", ", "];
    this.goesOn = language === "zh" ? "…… " : "… ";
  }

  /** The phrase with numbers put in. */
  say(key, ...values) {
    return values.reduce((text, value, i) => text.replaceAll(`{${i}}`, String(value)), this.known[key]);
  }

  /** A phrase that goes on, `… adds: 3`, as one about somebody, `filter 1 adds: 3`; as it is about nobody. */
  of(who, phrase) {
    return who ? `${who} ${phrase.startsWith(this.goesOn) ? phrase.slice(this.goesOn.length) : phrase}` : phrase;
  }

  /** The phrase with a number put in first; if it is one, in the singular, if there is one. */
  counted(key, number, ...values) {
    return this.say(number === 1 && `${key}_one` in this.known ? `${key}_one` : key, count(number), ...values);
  }
}
