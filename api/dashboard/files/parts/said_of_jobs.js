// What the service noted on a request for a job. It says so once, in its answer; the job's page shows it.

/** @import { JobMessage } from "../api.js" */

const notes = new Map();

/** @param {JobMessage} job */
export const keepNotes = (job) => job.notes.length && notes.set(job.id, job.notes);
/**
 * @param {string} id
 * @returns {string[]}
 */
export const notesOn = (id) => notes.get(id) ?? [];
