// REST calls. All that pages show comes through here, so the list of a view's calls is whole.

import { session } from "./session.js";

/** @import { FieldError, Problem as ProblemMessage } from "./api.js" */
/** @import { Query } from "./types.js" */

const ROOT = document.querySelector('meta[name="root"]')?.getAttribute("content") ?? "";

/**
 * What a call may have besides its path: `kind` is what to read the answer as.
 * @typedef {{
 *   query?: Query,
 *   body?: unknown,
 *   headers?: Record<string, string>,
 *   signal?: AbortSignal,
 *   kind?: "json" | "text" | "image",
 * }} Options
 */

/**
 * A call that was made: its status, and how long the answer took.
 * @typedef {{ method: string, url: string, body?: unknown, status: number | string, milliseconds: number }} Call
 */

/**
 * The address of a path of this service, with a query whose empty values are left out.
 * @param {string} path
 * @param {Query} query
 */
export function address(path, query = {}) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") given.append(name, String(value));
  }
  const text = given.toString();
  return ROOT + path + (text ? `?${text}` : "");
}

/**
 * A path with its parts escaped: path`/v1/studies/${name}`.
 * @param {TemplateStringsArray} texts
 * @param {...(string | number)} values
 */
export function path(texts, ...values) {
  return String.raw({ raw: texts }, ...values.map((value) => encodeURIComponent(value)));
}

/** What the service refused, or that it cannot be reached (status 0); `message` is a sentence that says what to do. */
export class Problem extends Error {
  /** @type {number} */
  status;
  /** @type {string} */
  title;
  /** The end of the problem's type. @type {string} */
  slug;
  /** What is wrong with which field. @type {FieldError[]} */
  errors;
  /** @type {string | null} */
  requestId;

  /**
   * @param {number} status
   * @param {Partial<ProblemMessage>} body
   */
  constructor(status, body = {}) {
    super(body.detail ?? `The service answered ${status} without a reason.`);
    this.status = status;
    this.title = body.title ?? "Something went wrong";
    this.slug = body.type?.split("/").at(-1) ?? "";
    this.errors = body.errors ?? [];
    this.requestId = body.request_id ?? null;
  }
}

/** The calls of the present view, newest last; `changed` is called after each. */
export const calls = {
  /** @type {(Call & { times: number })[]} */
  list: [],
  changed: () => {},
  clear() {
    this.list = [];
    this.changed();
  },
  /** @param {Call} call */
  note(call) {
    const known = this.list.find((one) => one.method === call.method && one.url === call.url);
    if (known) Object.assign(known, call, { times: known.times + 1 });
    else this.list.push({ ...call, times: 1 });
    if (this.list.length > 60) this.list.shift();
    this.changed();
  },
};

/**
 * GET as JSON. Throws Problem; an aborted call throws its signal's AbortError. The caller names the type of the answer.
 * @param {string} path
 * @param {Query} query
 * @param {Options} options
 * @returns {Promise<any>}
 */
export const get = (path, query = {}, options = {}) => call("GET", path, { query, ...options });

/**
 * POST, PUT, PATCH or DELETE, a file as it is, all else as JSON.
 * @param {"POST" | "PUT" | "PATCH" | "DELETE"} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {Options} options
 * @returns {Promise<any>}
 */
export const send = (method, path, body, options = {}) => call(method, path, { body, ...options });

/**
 * Gives signals to calls of which only the newest counts: each ends the calls before, and all end with `signal`.
 * @param {AbortSignal} signal
 */
export function newest(signal) {
  let latest = new AbortController();
  return () => {
    latest.abort(new DOMException("a newer call took its place", "AbortError"));
    latest = new AbortController();
    return AbortSignal.any([signal, latest.signal]);
  };
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Options} options
 */
async function call(method, path, { query, body, headers = {}, signal, kind = "json" } = {}) {
  const url = address(path, query);
  const started = performance.now();
  /** @type {Record<string, string>} */
  const asked = { ...headers, Accept: kind === "json" ? "application/json" : "*/*" };
  const file = body instanceof Blob;
  if (body !== undefined) asked["Content-Type"] = file ? "application/octet-stream" : "application/json";
  if (method !== "GET" && session.csrf) asked["X-CSRF-Token"] = session.csrf;
  const shown = path === "/v1/session" || file ? undefined : body; // a key is never shown
  const sent = body === undefined || file ? body : JSON.stringify(body);
  let response;
  try {
    response = await fetch(url, { method, headers: asked, signal, body: sent });
  } catch (error) {
    if (signal?.aborted) throw error;
    calls.note({ method, url, body: shown, status: "no answer", milliseconds: performance.now() - started });
    const detail = "The service does not answer. It may be restarting; try again.";
    throw new Problem(0, { title: "No answer", detail });
  }
  const answer = await read(response, kind);
  calls.note({ method, url, body: shown, status: response.status, milliseconds: performance.now() - started });
  if (response.ok) return answer;
  if (response.status === 401 && path !== "/v1/session") session.lost(answer?.detail ?? null);
  throw new Problem(response.status, typeof answer === "object" && answer !== null ? answer : {});
}

/**
 * @param {Response} response
 * @param {Options["kind"]} kind
 * @returns {Promise<any>}
 */
async function read(response, kind) {
  if (response.status === 204) return null;
  const json = (response.headers.get("content-type") ?? "").includes("json");
  if (kind === "text" && response.ok) return response.text();
  return json ? response.json() : null;
}
