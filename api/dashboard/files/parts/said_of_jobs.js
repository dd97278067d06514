// What the service noted on a request for a job. It says so once, in its answer; the job's page shows it.

const notes = new Map();

export const keepNotes = (job) => job.notes.length && notes.set(job.id, job.notes);
export const notesOn = (id) => notes.get(id) ?? [];
