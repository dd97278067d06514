// Who reviews: the name of the key that signed in, or what the reader calls themselves in this browser.

import { session } from "../session.js";

export const REMEMBERED = "memscore-reviewer";
const ANYBODY = "reviewer";

/** The name that the reader has, or has given. */
export const reader = () => session.name ?? localStorage.getItem(REMEMBERED) ?? ANYBODY;

/** The name to send with a verdict; none with a key, whose name counts. */
export const reviewerName = () => (session.name === null ? reader().trim() || ANYBODY : null);
