// Asking again and again while a view is open: often while something runs, seldom otherwise, and later after failures.

import { pause } from "../dom.js";

/** @import { Page } from "../types.js" */

const MOST_MILLISECONDS = 5000;

/**
 * Call `act` until the view is left; it gives the milliseconds to the next time. What it throws goes to `failed`, and
 * it is called again after 1, 2, 4 and then each 5 s. A tab that nobody sees is left alone until it is seen again.
 * @param {Page} page
 * @param {number} milliseconds
 * @param {() => number | Promise<number>} act
 * @param {(error: unknown) => void} failed
 */
export async function upToDate(page, milliseconds, act, failed) {
  let wait = milliseconds;
  let failures = 0;
  while (!page.signal.aborted) {
    try {
      await pause(wait, page.signal);
      await seen(page.signal);
      wait = await act();
      failures = 0;
    } catch (error) {
      if (page.signal.aborted) return;
      wait = backOff(failures);
      failures += 1;
      failed(error);
    }
  }
}

/**
 * Milliseconds to wait after `failures` failures in a row: 1, 2, 4, and then 5 s.
 * @param {number} failures
 */
export const backOff = (failures) => Math.min(MOST_MILLISECONDS, 1000 * 2 ** failures);

/**
 * @param {AbortSignal} signal
 * @returns {Promise<void> | null}
 */
function seen(signal) {
  if (!document.hidden) return null;
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    document.addEventListener("visibilitychange", () => document.hidden || resolve(), { signal });
  });
}
