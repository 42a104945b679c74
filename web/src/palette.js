/** Colours as `scenes/palette.py` and `scenes/values.py` choose them: hue tells the family, lightness the channel. */

const INPUT_HUE = 252;
const INPUT_ROOM = 40;
const GROUP_HUES = [252, 42, 320, 110, 180, 75, 285, 145];
const FAMILY = 16;
const FIRST_FILTER_HUE = 0;
const ALTERNATION = 0.125;
const [ONE_ROUND, ROUND, LEAST_LEFT] = [16, 7, 4];
const CHROMA = 0.135;
const LIGHT = 0.8;
const DARK = 0.55;
const HALVINGS = 16;
const SLACK = 1e-5;
const INKS = [
  [0.0015, 0.0015, 0.0018],
  [1, 1, 1],
];
/** How much stronger a window makes pale colours that it touches, and how much brighter any; where the luminance is so
 * near to that at which the ink turns, there is less of both. */
export const LIT = { LIT_STRONGER: 3, LIT_BRIGHTER: 0.36, LIT_ROOM: 0.12 };
const COMMON = 0.98;
const HALF_WAY = 0.3;
const LIGHTER = 0.75;
const DARKER = 0.85;

const wrapped = (hue) => ((hue % 360) + 360) % 360;

function linear(light, chroma, hue) {
  const angle = (hue * Math.PI) / 180;
  const [a, b] = [chroma * Math.cos(angle), chroma * Math.sin(angle)];
  const long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (light - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
}

const fits = (rgb) => rgb.every((x) => x >= -SLACK && x <= 1 + SLACK);

/** OKLCH (hue in degrees) as linear sRGB; the strongest of the same hue and lightness where sRGB has none that strong. */
export function oklch(light, chroma, hue) {
  let rgb = linear(light, chroma, hue);
  if (!fits(rgb)) {
    let [within, beyond] = [0, chroma];
    for (let i = 0; i < HALVINGS; i++) {
      const tried = (within + beyond) / 2;
      if (fits(linear(light, tried, hue))) within = tried;
      else beyond = tried;
    }
    rgb = linear(light, within, hue);
  }
  return rgb.map((x) => Math.min(Math.max(x, 0), 1));
}

function familyHue(group, groups) {
  if (groups === 1) return INPUT_HUE;
  if (groups <= GROUP_HUES.length) return GROUP_HUES[group];
  return wrapped(INPUT_HUE + (360 * group) / groups);
}

function filterHues(filters, groups) {
  const perGroup = filters / groups;
  if (groups === 1) {
    const [begin, arc] = [INPUT_HUE + INPUT_ROOM, 360 - 2 * INPUT_ROOM];
    let [step, many] = [1 / filters, ROUND];
    if (filters > ONE_ROUND) {
      while (filters % many < LEAST_LEFT) many += 1;
      step = (1 + step) / many;
    }
    return Array.from({ length: filters }, (_, f) => {
      const turn = wrapped(FIRST_FILTER_HUE - begin) + arc * step * f;
      return wrapped(begin + (turn % arc));
    });
  }
  const narrow = groups > 4 ? 4 / groups : 1;
  return Array.from({ length: filters }, (_, f) => {
    const at = perGroup > 1 ? -FAMILY + (2 * FAMILY * (f % perGroup)) / (perGroup - 1) : 0;
    return wrapped(familyHue(Math.floor(f / perGroup), groups) + at * narrow);
  });
}

const ramp = (count) =>
  count > 1
    ? Array.from({ length: count }, (_, i) => LIGHT + ((DARK - LIGHT) * i) / (count - 1))
    : [(2 * LIGHT + DARK) / 3];

const alternate = (number) => LIGHT - ALTERNATION * (number % 2);

/** Linear RGB of every input channel. */
export function inputColors(channels, groups) {
  const perGroup = channels / groups;
  const light = ramp(perGroup);
  return Array.from({ length: channels }, (_, c) => {
    const group = Math.floor(c / perGroup);
    const darker = groups > GROUP_HUES.length ? ALTERNATION * (group % 2) : 0;
    return oklch(light[c % perGroup] - darker, CHROMA, familyHue(group, groups));
  });
}

/** Linear RGB of every filter's channel slices. */
export function filterColors(filters, slices, groups) {
  const steps = ramp(slices);
  return filterHues(filters, groups).map((hue, f) => steps.map((step) => oklch(alternate(f) + step - LIGHT, CHROMA, hue)));
}

/** Linear RGB of every output channel: the hue of the filter that made it. */
export function outputColors(filters, groups) {
  return filterHues(filters, groups).map((hue, f) => oklch(alternate(f) - 0.03, CHROMA, hue));
}

const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

/** The luminance of a cell, of which the front is seen with the part `face`, on which both inks have the same contrast. */
export function inkTurns(face) {
  const [dark, light] = INKS.map((ink) => luminance(ink) + 0.05);
  return (Math.sqrt(dark * light) - 0.05) / face;
}

/** The ink of the better contrast on a colour. */
export function inkOn(color) {
  const glare = 0.05;
  const ground = luminance(color) + glare;
  const [dark, light] = INKS.map((ink) => luminance(ink) + glare);
  return ground / dark >= light / ground ? INKS[0] : INKS[1];
}

/** A function that makes a colour lighter the more a value is above 0, darker the more it is below. */
export function inLightness(whole) {
  const sizes = Float64Array.from(whole.filter((x) => x !== 0 && Number.isFinite(x)), Math.abs).sort();
  const largest = sizes.length ? sizes[Math.ceil(COMMON * (sizes.length - 1))] : 1;
  let [least, most] = [Infinity, -Infinity];
  for (const x of whole) [least, most] = [Math.min(least, x), Math.max(most, x)];
  const both = least < 0 && most > 0;
  return (color, value) => {
    const share = Math.min(Math.max(value / largest, -1), 1);
    const dim = both ? Math.min(1, HALF_WAY / luminance(color)) : 1;
    return color.map((x) => (share >= 0 ? x * dim + (1 - x * dim) * LIGHTER * share : x * dim * (1 + DARKER * share)));
  };
}
