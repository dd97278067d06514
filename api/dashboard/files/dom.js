// Elements from a line of code each. Text is always text: nothing here reads HTML.

const AS_PROPERTY = new Set(["value", "checked", "disabled", "indeterminate", "selected", "open", "max", "htmlFor"]);

/**
 * An element. `properties`: attributes by name; `class`; `on` {event: listener}; `style` {name: value}; a value of
 * null, undefined or false leaves an attribute out. `children`: nodes, texts, arrays of these; null and false are left out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (AS_PROPERTY.has(name) && name in element) element[name] = value ?? "";
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  put(element, ...children);
  return element;
}

/** Append nodes, texts and arrays of these. */
export function put(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** Let an element hold these children alone. */
export function fill(element, ...children) {
  element.replaceChildren();
  return put(element, ...children);
}

/** The part of the page's frame with this name. */
export const part = (name) => document.querySelector(`[data-part="${name}"]`);

/** Say something to screen readers. */
export function say(text) {
  part("said").textContent = text;
}

/** Calls of a function at most once in `milliseconds`, the last one never lost; ends with `signal`. */
export function calm(milliseconds, act, signal) {
  let timer = null;
  signal?.addEventListener("abort", () => clearTimeout(timer));
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
}

/** Resolves after so many milliseconds, or rejects once `signal` is aborted. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
