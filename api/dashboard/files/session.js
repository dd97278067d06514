// Who is signed in, and what the service lets them do.

/** @import { Scope, SessionMessage } from "./api.js" */

/** @type {SessionMessage} */
const WITHOUT = {
  signed_in: false,
  keys_required: false,
  name: null,
  scope: null,
  scopes: [],
  csrf: null,
  expires_at: null,
};

class Session {
  signed_in = WITHOUT.signed_in;
  keys_required = WITHOUT.keys_required;
  name = WITHOUT.name;
  scope = WITHOUT.scope;
  scopes = WITHOUT.scopes;
  csrf = WITHOUT.csrf;
  expires_at = WITHOUT.expires_at;
  changed = () => {};
  /** Why the last session ended. @type {string | null} */
  why = null;

  /**
   * Take over what the service says.
   * @param {SessionMessage} answer
   */
  take(answer) {
    Object.assign(this, WITHOUT, answer);
    this.changed();
  }

  /**
   * The session has ended, or its key was revoked: `why` is the service's sentence.
   * @param {string | null} why
   */
  lost(why = null) {
    if (!this.signed_in) return;
    this.why = why;
    this.take({ ...WITHOUT, keys_required: true });
  }

  /**
   * Whether a call that needs this scope would be let through.
   * @param {Scope} scope
   */
  may(scope) {
    if (this.scopes.length) return this.scopes.includes(scope);
    return this.scope === "admin";
  }
}

export const session = new Session();
