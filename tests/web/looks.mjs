// What the page's ports make of colours and numbers: reads [function, arguments...] each, writes what each gives.
import { readFileSync } from "node:fs";
import * as form from "../../web/src/form.js";
import * as numerals from "../../web/src/numerals.js";
import * as palette from "../../web/src/palette.js";

const known = {
  ...palette,
  ...numerals,
  form: () => form,
  inLightness: (whole, plain, colors, values) => {
    const tint = palette.inLightness(whole);
    return colors.map((color, i) => tint(color, values[i]));
  },
};
const told = JSON.parse(readFileSync(0, "utf8")).map(([name, ...given]) => known[name](...given));
process.stdout.write(JSON.stringify(told));
