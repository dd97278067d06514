// What administrators do to what is stored: each asks first, then does it, and says whether it was done.

import { bytes, counted } from "../format.js";
import { path, send } from "../http.js";
import { confirmed, newName } from "./confirm.js";

/** @import { DatasetMessage, DatasetRemoved, JobsPruned, StudyMessage, StudyRemoved } from "../api.js" */
/** @import { Query } from "../types.js" */

/**
 * Whether the study was removed. Throws Problem.
 * @param {string} study
 * @param {AbortSignal} signal
 */
export async function removeStudy(study, signal) {
  const where = path`/v1/studies/${study}`;
  /** @type {StudyRemoved} */
  const would = await remove(where, { dry_run: true }, signal);
  const yes = await confirmed({
    title: `Remove ${would.name} for good?`,
    text: `${ofStudy(would)} Trials can only be trained again. The dataset stays.`,
    typed: would.name,
    yes: "Remove the study",
    no: "Keep it",
    signal,
  });
  if (yes) await remove(where, { confirm: would.name, evidence: true }, signal);
  return yes;
}

/**
 * The study under its new name; null if it keeps the old one. Throws Problem.
 * @param {{ id: string, name: string }} study
 * @param {AbortSignal} signal
 * @returns {Promise<StudyMessage | null>}
 */
export async function renameStudy({ id, name }, signal) {
  const text = "Its id, scores and jobs stay. Links and commands that name it need the new name.";
  return rename("study", path`/v1/studies/${id}`, name, text, signal);
}

/**
 * Whether the dataset was removed. Throws Problem.
 * @param {string} name
 * @param {AbortSignal} signal
 */
export async function removeDataset(name, signal) {
  const where = path`/v1/datasets/${name}`;
  /** @type {DatasetRemoved} */
  const would = await remove(where, { dry_run: true }, signal);
  const files = would.bytes ? `${bytes(would.bytes)} of files` : "no files, which another name still needs";
  const yes = await confirmed({
    title: `Remove ${name} for good?`,
    text: `This removes ${counted(would.samples, "sample")}, with ${files}.`,
    typed: name,
    yes: "Remove the dataset",
    no: "Keep it",
    signal,
  });
  if (yes) await remove(where, { confirm: name }, signal);
  return yes;
}

/**
 * The dataset under its new name; null if it keeps the old one. Throws Problem.
 * @param {string} name
 * @param {AbortSignal} signal
 * @returns {Promise<DatasetMessage | null>}
 */
export function renameDataset(name, signal) {
  const text = "Its samples and studies stay. Links and commands that name it need the new name.";
  return rename("dataset", path`/v1/datasets/${name}`, name, text, signal);
}

/**
 * How many finished jobs were removed; null if they stay. Throws Problem.
 * @param {number} days
 * @param {AbortSignal} signal
 * @returns {Promise<number | null>}
 */
export async function pruneJobs(days, signal) {
  const older = days * 86_400;
  /** @type {JobsPruned} */
  const would = await remove("/v1/jobs", { older, dry_run: true }, signal);
  if (!would.jobs) return 0;
  const jobs = counted(would.jobs, "finished job");
  const yes = await confirmed({
    title: `Remove ${jobs} for good?`,
    text: `This removes ${jobs}, with history and ${bytes(would.bytes)} of logs. Studies and their scores stay.`,
    yes: would.jobs === 1 ? "Remove the job" : "Remove the jobs",
    no: would.jobs === 1 ? "Keep it" : "Keep them",
    signal,
  });
  if (!yes) return null;
  /** @type {JobsPruned} */
  const pruned = await remove("/v1/jobs", { older }, signal);
  return pruned.jobs;
}

/**
 * @param {string} where
 * @param {Query} query
 * @param {AbortSignal} signal
 */
const remove = (where, query, signal) => send("DELETE", where, undefined, { query, signal });

/**
 * @param {string} kind
 * @param {string} where
 * @param {string} name
 * @param {string} text
 * @param {AbortSignal} signal
 */
function rename(kind, where, name, text, signal) {
  return newName({
    title: `Rename ${name}`,
    text,
    name,
    yes: `Rename the ${kind}`,
    no: "Keep the name",
    signal,
    act: (renamed) => send("PATCH", where, { name: renamed }, { signal }),
  });
}

/** @param {StudyRemoved} would */
function ofStudy({ trials, full_trials: full, tables, published, reviews, jobs, bytes: size }) {
  const parts = [
    counted(trials, "trial"),
    full > 0 && counted(full, "full trial"),
    counted(tables, "table"),
    published > 0 && counted(published, "published row"),
    reviews > 0 && counted(reviews, "reviewer's verdict"),
    counted(jobs, "job"),
  ];
  return `This removes ${parts.filter(Boolean).join(", ")}: ${bytes(size)}.`;
}
