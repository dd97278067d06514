// Who is signed in, and what the service lets them do.

const WITHOUT = { signed_in: false, keys_required: false, name: null, scope: null, scopes: [], csrf: null };

export const session = {
  ...WITHOUT,
  changed: () => {},
  why: null, // the last session ended

  /** Take over what the service says. */
  take(answer) {
    Object.assign(this, WITHOUT, answer);
    this.changed();
  },

  /** The session has ended, or its key was revoked: `why` is the service's sentence. */
  lost(why = null) {
    if (!this.signed_in) return;
    this.why = why;
    this.take({ ...WITHOUT, keys_required: true });
  },

  /** Whether a call that needs this scope would be let through. */
  may(scope) {
    const scopes = this.scopes.length ? this.scopes : this.scope === "admin" ? ["read", "write", "admin"] : [];
    return scopes.includes(scope);
  },
};
