// Addresses of runs, sweeps and reproductions: paths of folders, each part escaped, on pages as in REST.

import { address } from "../http.js";

/** @param {string} folder */
export const escaped = (folder) => folder.split("/").map(encodeURIComponent).join("/");

/** @param {string} folder */
export const runUrl = (folder) => address(`/runs/${escaped(folder)}`);

/** @param {string} folder */
export const sweepUrl = (folder) => address(`/sweeps/${escaped(folder)}`);

/** @param {string} folder */
export const reproductionUrl = (folder) => address(`/reproductions/${escaped(folder)}`);

/**
 * The page that compares these runs.
 * @param {string[]} folders
 */
export const comparisonUrl = (folders) =>
  `${address("/compare-runs")}?${new URLSearchParams(folders.map((folder) => ["run", folder]))}`;
