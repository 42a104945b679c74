/** Elements from what they are to be. Text is always text: nothing here is ever read as HTML. */

/**
 * @param {string} tag with its classes, such as "span.faint"
 * @param {Record<string, any>} [properties] attributes; functions are listeners
 * @param {(Node | string)[]} children
 */
export function make(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, String(value));
  }
  made.append(...children);
  return made;
}
