/** The forms of every scene, in cells, as `scenes/form.py` has them. */
export const CUBE = 0.94;
export const BEVEL = 0.055;
export const BOX_BEVEL = 0.012;
export const RIPENING = 1 / 3;
export const NEWBORN = 0.55;
export const COVER = 1.04;
export const PRINT = 0.01;
export const OPENED = 0.3;
export const CLOSING = 0.4;
export const WINDOW_BAR = 0.09;
export const TAP_BAR = 0.085;
export const GHOST_BAR = 0.035;
export const WINDOW_MARGIN = 0.035;
export const GHOST_PIXELS = 20;
/** How wide a cell of padding is drawn. */
export const GHOST = 0.88;
/** How much its front hides where a number stands on it. */
export const VEILED = 0.7;
/** Where plain colours are brightest, and how bright they are at right angles to it. */
export const FLAT_LIGHT = [-0.15, -0.4, 0.9];
export const FLAT_SHADE = 0.62;
/** How bright the fronts of cells in plain colours are. */
export const PLAIN_FACE = FLAT_SHADE - (1 - FLAT_SHADE) * FLAT_LIGHT[1];
export const SUN_DIRECTION = [0.3, 0.62, -1];
