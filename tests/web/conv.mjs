// The page's own arithmetic: reads settings, writes what it makes of each, or the line with which it refuses.
import { readFileSync } from "node:fs";
import { ConvMathError, callOf, formulasOf, forward, madeOf, shapesOf } from "../../web/src/conv.js";
import { Phrases } from "../../web/src/phrases.js";
import { tapsOf } from "../../web/src/live.js";

const { settings, words } = JSON.parse(readFileSync(0, "utf8"));
const phrases = new Phrases(words, "zh");
const named = (key, number) => phrases.say(`of_${key}`, number);
const told = settings.map((setting) => {
  try {
    const shapes = shapesOf(setting);
    const stage = madeOf(setting);
    const values = setting.x && [...forward(stage, setting.x, setting.weight, setting.bias)];
    const taps = (setting.cells ?? []).map((cell) =>
      tapsOf(stage, cell).map((tap) => [tap.input, tap.weight, tap.coefficient]),
    );
    return { ...shapes, values, taps, call: callOf(setting), formulas: formulasOf(setting), named: formulasOf(setting, named) };
  } catch (error) {
    if (!(error instanceof ConvMathError)) throw error;
    return { error: error.message };
  }
});
process.stdout.write(JSON.stringify(told, (_, each) => (each === -Infinity ? "-inf" : each)));
