// Questions in the page: before something is done that ends work, and for a new name.

import { fill, h, required } from "../dom.js";
import { problem } from "./problem.js";

/** @import { Child } from "../types.js" */

/**
 * Whether the reader says yes. `text`: what it means, a sentence or nodes; `typed`: what has to be typed first.
 * @param {{ title: string, text: Child, yes: string, no: string, signal: AbortSignal, typed?: string }} options
 * @returns {Promise<boolean>}
 */
export async function confirmed({ typed, ...options }) {
  const asked = typed === undefined ? null : { label: `Type ${typed}`, value: "" };
  return (await answer({ ...options, asked, fits: (text) => text === (typed ?? "") })) !== null;
}

/**
 * What `act` gave for the new name that the reader gives something, or null. The reader can correct a name that it refuses.
 * @template Renamed
 * @param {{
 *   title: string,
 *   text: Child,
 *   name: string,
 *   yes: string,
 *   no: string,
 *   signal: AbortSignal,
 *   act: (name: string) => Promise<Renamed>,
 * }} options
 * @returns {Promise<Renamed | null>}
 */
export async function newName({ name, act, ...options }) {
  /** @type {Renamed | null} */
  let renamed = null;
  const fits = (/** @type {string} */ text) => !["", name].includes(text.trim());
  const rename = async (/** @type {string} */ text) => {
    renamed = await act(text.trim());
  };
  await answer({ ...options, asked: { label: "New name", value: name }, fits, act: rename });
  return renamed;
}

/**
 * What stands in the field, or "" without one, once the reader says yes; null otherwise. `fits`: whether yes may be
 * said; `act`: done before the question closes, which stays open and shows the problem if that fails.
 * @param {{
 *   title: string,
 *   text: Child,
 *   asked: { label: string, value: string } | null,
 *   fits: (text: string) => boolean,
 *   act?: (text: string) => Promise<unknown>,
 *   yes: string,
 *   no: string,
 *   signal: AbortSignal,
 * }} options
 * @returns {Promise<string | null>}
 */
function answer({ title, text, asked, fits, act, yes, no, signal }) {
  return new Promise((resolve) => {
    const button = h("button", { value: "yes", class: "primary" }, yes);
    const check = () => {
      button.disabled = !fits(field.value);
    };
    const field = h("input", {
      type: "text",
      value: asked?.value,
      autocomplete: "off",
      spellcheck: "false",
      maxlength: 100,
      autofocus: asked !== null,
      on: { input: check },
    });
    check();
    const trouble = h("div", {});
    const submit = async (/** @type {SubmitEvent} */ event) => {
      if (!act || event.submitter !== button) return;
      event.preventDefault();
      button.disabled = true;
      try {
        fill(trouble);
        await act(field.value);
        dialog.close("yes");
      } catch (error) {
        if (!signal.aborted) fill(trouble, problem(error, { compact: true }));
        check();
        field.focus();
      }
    };
    const dialog = h(
      "dialog",
      { class: "question", "aria-labelledby": "question" },
      h("h2", { id: "question" }, title),
      h("p", {}, text),
      h(
        "form",
        { method: "dialog", class: "actions", on: { submit } },
        asked && h("label", {}, asked.label, field),
        button,
        h("button", { value: "no", autofocus: asked === null }, no),
      ),
      trouble,
    );
    const left = () => dialog.close("");
    dialog.addEventListener("close", () => {
      signal.removeEventListener("abort", left);
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? field.value : null);
    });
    signal.addEventListener("abort", left);
    required("#main").append(dialog);
    dialog.showModal();
    if (asked?.value) field.select();
  });
}
