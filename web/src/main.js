/** The page: reads what is in it, and puts the player together. */

import "./page.css";
import { App } from "./app.js";
import { unpack } from "./pack.js";

const text = /** @type {HTMLElement} */ (document.getElementById("data")).textContent ?? "";
unpack(text).then((data) => {
  window["convmotion"] = new App(data, document.body);
});
