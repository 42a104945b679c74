/** The words of the picture, as elements laid over it: fixed to it, or beside things that may turn. */

import { textWidth } from "./phrases.js";
import { css } from "./picture.js";
import { STILL, onWall, project, seenAt } from "./view.js";

const FONT = "Arial, Helvetica, 'Liberation Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif";
const ANCHORS = { left: 0, center: -50, right: -100 };

/** Of the page's font: how high capitals are, and how far below the middle of a line its foot is, at size 1; and how wide
 * a text is, in capitals. */
function metrics() {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `100px ${FONT}`;
  const box = pen.measureText("H");
  const middle = (box.fontBoundingBoxAscent - box.fontBoundingBoxDescent) / 2;
  const capital = box.actualBoundingBoxAscent;
  return { capital: capital / 100, foot: middle / 100, width: (text) => pen.measureText(text).width / capital };
}

export class Captions {
  /** @param {HTMLElement} layer */
  constructor(layer) {
    this.layer = layer;
    this.font = metrics();
    this.layer.style.fontFamily = FONT;
  }

  /** @param {import("./story.js").Story} story */
  show(story, surroundings) {
    this.story = story;
    const first = seenAt(story, 1, STILL);
    const backdrop = css(surroundings.backdrop);
    this.layer.style.setProperty("--backdrop", backdrop);
    this.cards = story.board.camera.band ? [element("card"), element("card")] : [];
    this.all = story.board.captions.map((caption) => {
      const beside = caption.in_world || caption.halo > 0;
      const span = element(caption.halo > 0 ? "boxed" : "");
      span.style.color = css(caption.color);
      span.style.transformOrigin = `${-ANCHORS[caption.align]}% 50%`;
      span.hidden = true;
      const wall = beside && caption.anchor === null ? onWall(first, caption.at) : null;
      return { caption, beside, span, wall, text: null, place: "" };
    });
    const inWorld = this.all.filter((each) => each.beside);
    const onPage = this.all.filter((each) => !each.beside);
    this.layer.replaceChildren(...inWorld.map((e) => e.span), ...this.cards, ...onPage.map((e) => e.span));
  }

  /** Put them where they are at a frame, in a picture of this size in pixels. */
  draw(frame, seen, [width, height]) {
    const camera = this.story.board.camera;
    const page = width / camera.width;
    const world = width / seen.width;
    for (const each of this.all) {
      const { caption, span } = each;
      const text = this.story.said(caption, frame);
      if (text !== each.text) {
        span.hidden = text === null;
        if (text !== null) span.textContent = text;
        each.text = text;
        each.narrow = text ? Math.min(1, textWidth(text) / this.font.width(text)) : 1; // some systems' fonts are wide
      }
      if (text === null) continue;
      let [x, y] = [caption.at[0] * page, caption.at[1] * page];
      if (caption.anchor) {
        const at = project(seen, caption.anchor);
        [x, y] = [x + at[0] * world, y + at[1] * world];
      } else if (each.wall) {
        const at = project(seen, each.wall);
        [x, y] = [at[0] * world, at[1] * world];
      }
      const capital = caption.size * (caption.in_world ? world : page);
      const size = capital / this.font.capital;
      const top = height / 2 - y - size * (0.5 + this.font.foot);
      const place = `${(width / 2 + x).toFixed(2)} ${top.toFixed(2)} ${size.toFixed(2)} ${each.narrow}`;
      if (place === each.place) continue;
      each.place = place;
      span.style.fontSize = `${size}px`;
      span.style.transform = `translate(${width / 2 + x}px, ${top}px) translateX(${ANCHORS[caption.align]}%) scaleX(${each.narrow})`;
    }
    if (this.cards.length) {
      const [low, high] = camera.band;
      const shown = frame >= camera.band_from && frame <= (camera.band_until ?? Infinity);
      const heights = [height / 2 - high * page, height / 2 + low * page];
      this.cards.forEach((card, i) => {
        card.hidden = !shown;
        card.style.height = `${Math.max(0, heights[i])}px`;
        card.style[i ? "bottom" : "top"] = "0";
      });
    }
  }

  /** The words that are seen at a frame, by the captions' names. */
  said(frame) {
    const entries = this.story.board.captions.map((c) => [c.name, this.story.said(c, frame)]);
    return Object.fromEntries(entries.filter(([, text]) => text !== null));
  }
}

function element(kind) {
  const made = document.createElement("span");
  made.className = kind;
  return made;
}
