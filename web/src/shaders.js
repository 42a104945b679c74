/** What the graphics card does for every cell: the arithmetic of `pose.js`, from a few numbers a frame. */

/** Place, size and light of an instance; `shown()` tells whether it is to be seen. */
const MOTION = /* glsl */ `
in vec3 place;
uniform float step_;
uniform float scale;
#ifdef MOVES
in vec3 origin;
in vec2 spell;           // start, arrive
#endif
#ifdef DETOUR
in vec3 via;
uniform vec2 rest;
uniform float swells;
#endif
#ifdef BOW
in vec3 bow;
#endif
#if defined(LIT) || defined(OPENS)
in vec3 anchor;
uniform vec3 window_[LIGHTS];    // the first of them is the window's own, if it opens a volume
#endif
#ifdef LIT
uniform vec3 spacing;
uniform vec3 lastTap;
uniform float glow;
uniform float inkTurns;
#endif
#ifdef OPENS
uniform float opened;    // how far the cells before the window have shrunk
#endif

float progress(float value, float start, float end) {
  float span = end - start;
  float u = span == 0.0 ? 0.0 : clamp((value - start) / span, 0.0, 1.0);
  return u * u * (3.0 - 2.0 * u);
}

bool shown() {
#ifdef MOVES
  return spell.x < step_;
#else
  return true;
#endif
}

bool resting() {
#if defined(DETOUR)
  return false;
#elif defined(MOVES)
  return spell.y <= step_;
#else
  return true;
#endif
}

void motion(out vec3 at, out float size) {
  at = place;
  size = scale;
#if defined(DETOUR)
  float there = progress(step_, spell.x, rest.x);
  float on = progress(step_, rest.y, spell.y);
  float flown = there * (1.0 - there);
  vec3 stop = mix(origin, via, there);
#ifdef BOW
  stop += bow * 4.0 * flown;
#endif
  at = mix(stop, place, on);
  size *= COVER - (2.0 * flown + on * (COVER - NEWBORN));
  size *= 1.0 + (swells - 1.0) * there * (1.0 - on);
#elif defined(MOVES)
  float u = spell.y <= step_ ? 1.0 : progress(step_, spell.x, spell.y);
  at = mix(origin, place, u);
#ifdef BOW
  at += bow * 4.0 * u * (1.0 - u);
#endif
  size *= NEWBORN + u * (1.0 - NEWBORN);
#endif
#ifdef OPENS
  size *= 1.0 - (1.0 - OPENED) * clamp(window_[0].y - anchor.y, 0.0, 1.0) * opened;
#endif
}
`;

export const CELL_VERTEX = /* glsl */ `
${MOTION}
#ifdef LIT
vec3 lit(vec3 tint, float share) {
  float most = max(tint.r, max(tint.g, tint.b));
  float strength = (most - min(tint.r, min(tint.g, tint.b))) / max(most, 1e-9);
  float stronger = min(1.0 + LIT_STRONGER * share * pow(1.0 - strength, 3.0), 1.0 / max(strength, 1e-9));
  return (most - (most - tint) * stronger) * (1.0 + LIT_BRIGHTER * share);
}
#endif
in vec3 position;
in vec3 normal;
in vec3 tint;
#ifdef EXTENT
in vec3 extent;
#endif
#ifdef BECOMES
in vec3 becomes;
uniform float ripe;
#endif
#ifdef BURIED
in float buried;
#endif
#ifdef MARKED
in float mark;
uniform float dim;
#endif
#ifdef SHADOW
uniform vec3 shadow;
#endif
uniform vec3 backdrop;
uniform mat4 modelViewMatrix;
uniform mat4 projectionMatrix;
uniform float floor_;
uniform vec3 sun;
uniform vec3 light;
out vec3 color;

void main() {
  vec3 at;
  float size;
#ifdef BURIED
  if (buried <= step_) { gl_Position = vec4(0.0, 0.0, 2.0, 1.0); return; }
#endif
  if (!shown()) { gl_Position = vec4(0.0, 0.0, 2.0, 1.0); return; }
  motion(at, size);
#ifdef EXTENT
  vec3 point = at + position * extent;
#else
  vec3 point = at + position * size;
#endif
#ifdef SHADOW
  if (!resting()) { gl_Position = vec4(0.0, 0.0, 2.0, 1.0); return; }
  // The higher a cell, the softer its shadow is in a film: here it is the fainter.
  color = mix(backdrop, shadow, clamp(1.2 - (at.z - floor_) / SHADOW_REACH, 0.0, 1.0));
  point -= sun * ((point.z - floor_) / sun.z);
  gl_Position = projectionMatrix * modelViewMatrix * vec4(point, 1.0);
#else
  gl_Position = projectionMatrix * modelViewMatrix * vec4(point, 1.0);
  float shade = FLAT_SHADE + (1.0 - FLAT_SHADE) * dot(normal, light);
#ifdef LIT
  float share = 0.0;
  for (int i = 0; i < LIGHTS; i++) {
    vec3 off = (anchor - window_[i]) / spacing;
    vec3 tap = clamp(floor(off + 0.5), vec3(0.0), lastTap);
    vec3 near = max(1.0 - abs((off - tap) * spacing), 0.0);
    share += near.x * near.y * near.z;
  }
  float room = min(1.0, abs(dot(tint, vec3(0.2126, 0.7152, 0.0722)) - inkTurns) / LIT_ROOM);
  color = lit(tint, min(share, 1.0) * glow * room);
#else
  color = tint;
#endif
#ifdef BECOMES
  color = mix(tint, becomes, ripe);
#endif
#ifdef FLAT
  shade = 1.0;
#endif
  color *= shade;
#ifdef MARKED
  color = mix(color, backdrop, dim * (1.0 - mark));
#endif
#endif
}
`;

export const CELL_FRAGMENT = /* glsl */ `
precision highp float;
in vec3 color;
out vec4 pixel;
vec3 coded(vec3 linear) {
  vec3 light = clamp(linear, 0.0, 1.0);
  return mix(12.92 * light, 1.055 * pow(light, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, light));
}
void main() {
#ifdef VEILED
  pixel = vec4(coded(color), VEILED);
#else
  pixel = vec4(coded(color), 1.0);
#endif
}
`;

export const GLYPH_VERTEX = /* glsl */ `
${MOTION}
in vec2 position;        // a square: 0..1 to the right, -0.5..0.5 up
in vec3 ink;
in vec3 letter;          // its number, how far it is to the right of the cell's middle, and the width of its digits
#ifdef UNTIL
in float until;
#endif
uniform float digit;     // height of a digit
uniform float tile;      // width and height of a glyph's picture, in digits
uniform float lift;
uniform float glyphs;
uniform mat4 modelViewMatrix;
uniform mat4 projectionMatrix;
out vec3 color;
out vec2 spot;

void main() {
  vec3 at;
  float size;
  motion(at, size);
  bool seen = shown();
#ifdef UNTIL
  seen = seen && step_ <= until;
#endif
  if (!seen) { gl_Position = vec4(0.0, 0.0, 2.0, 1.0); return; }
  vec2 corner = vec2(letter.y + position.x * tile * letter.z, position.y * tile * digit);
  vec3 point = at + vec3(corner.x, -lift, corner.y) * size;
  gl_Position = projectionMatrix * modelViewMatrix * vec4(point, 1.0);
  color = ink;
  spot = vec2((letter.x + position.x) / glyphs, position.y + 0.5);
}
`;

export const GLYPH_FRAGMENT = /* glsl */ `
precision highp float;
in vec3 color;
in vec2 spot;
uniform sampler2D atlas;
out vec4 pixel;
void main() {
  float alpha = texture(atlas, spot).a;
  if (alpha < 0.05) discard;
  pixel = vec4(pow(color, vec3(1.0 / 2.2)), alpha);
}
`;

export const LINE_VERTEX = /* glsl */ `
in vec2 position;        // 0..1 along, -1..1 across
in vec3 from;
in vec3 to;
in vec3 tint;
uniform float radius;    // in pixels
uniform vec2 size;       // of the picture, in pixels
uniform mat4 modelViewMatrix;
uniform mat4 projectionMatrix;
out vec3 color;
out float across;

void main() {
  vec4 a = projectionMatrix * modelViewMatrix * vec4(from, 1.0);
  vec4 b = projectionMatrix * modelViewMatrix * vec4(to, 1.0);
  vec2 way = (b.xy / b.w - a.xy / a.w) * size;
  vec2 side = length(way) > 0.0 ? normalize(vec2(-way.y, way.x)) : vec2(0.0);
  vec4 at = mix(a, b, position.x);
  across = position.y * (radius + 1.0);
  at.xy += side * across * 2.0 / size * at.w;
  gl_Position = at;
  color = tint;
}
`;

export const LINE_FRAGMENT = /* glsl */ `
precision highp float;
in vec3 color;
in float across;
uniform float radius;
uniform float opacity;
out vec4 pixel;
void main() {
  float cover = clamp(radius + 0.5 - abs(across), 0.0, 1.0);
  vec3 light = clamp(color, 0.0, 1.0);
  vec3 code = mix(12.92 * light, 1.055 * pow(light, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, light));
  pixel = vec4(code, opacity * cover);
}
`;

export const PLAIN_VERTEX = /* glsl */ `
in vec3 position;
uniform mat4 modelViewMatrix;
uniform mat4 projectionMatrix;
uniform vec3 tint;
out vec3 color;
void main() {
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
  color = tint;
}
`;
