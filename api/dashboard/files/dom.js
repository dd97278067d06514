// Elements from a line of code each. Text is always text: nothing here reads HTML.

/** @import { Child, Properties } from "./types.js" */

const AS_PROPERTY = new Set(["value", "checked", "disabled", "indeterminate", "selected", "open", "max", "htmlFor"]);

/**
 * An element. `properties`: attributes by name; `class`; `on` {event: listener}; `style` {name: value}; a value of
 * null, undefined or false leaves an attribute out. `children`: nodes, texts, and arrays of these.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties<HTMLElementTagNameMap[Tag]>} properties
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  const { on = {}, style = {}, ...attributes } = properties;
  for (const [event, listener] of Object.entries(on)) {
    element.addEventListener(event, /** @type {EventListener} */ (listener));
  }
  for (const [name, value] of Object.entries(style)) element.style.setProperty(name, value);
  for (const [name, value] of Object.entries(attributes)) {
    if (AS_PROPERTY.has(name) && name in element) Reflect.set(element, name, value ?? "");
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  return put(element, ...children);
}

/**
 * Append nodes, texts and arrays of these.
 * @template {ParentNode} Element
 * @param {Element} element
 * @param {...Child} children
 */
export function put(element, ...children) {
  for (const child of children) {
    if (Array.isArray(child)) put(element, ...child);
    else if (typeof child === "number") element.append(String(child));
    else if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/**
 * Let an element hold these children alone.
 * @template {ParentNode} Element
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren();
  return put(element, ...children);
}

/**
 * The first element of a selector that is there, since the page is made with it.
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function required(selector) {
  const element = document.querySelector(selector);
  if (!(element instanceof HTMLElement)) throw new Error(`There is no ${selector} in the page.`);
  return element;
}

/**
 * Focus the first element of a selector within another, if there is one.
 * @param {Element | null | undefined} element
 * @param {string} selector
 * @param {FocusOptions} [options]
 */
export function focusIn(element, selector, options) {
  const one = element?.querySelector(selector);
  if (one instanceof HTMLElement) one.focus(options);
}

/**
 * The part of the page's frame with this name.
 * @param {string} name
 */
export const part = (name) => required(`[data-part="${name}"]`);

/**
 * Say something to screen readers.
 * @param {string} text
 */
export function say(text) {
  part("said").textContent = text;
}

/**
 * `act`, called once `milliseconds` have passed without a further call, with what the last call gave. Each call starts
 * the wait again; `signal` ends it.
 * @template {unknown[]} Given
 * @param {number} milliseconds
 * @param {(...given: Given) => unknown} act
 * @param {AbortSignal} signal
 * @returns {(...given: Given) => void}
 */
export function debounce(milliseconds, act, signal) {
  /** @type {number | undefined} */
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
}

/**
 * Resolves after `milliseconds`, or rejects once `signal` is aborted.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
