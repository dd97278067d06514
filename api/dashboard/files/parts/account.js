// The corner of the page: the theme, and who is signed in.

import { fill, h, part } from "../dom.js";
import { address, send } from "../http.js";
import { session } from "../session.js";

const THEMES = { system: "System", light: "Light", dark: "Dark" };

/** Draw the corner. */
export function drawAccount() {
  fill(part("account"), who(), themes());
}

function who() {
  if (!session.signed_in) {
    return session.keys_required && h("a", { href: address("/sign-in") }, "Sign in");
  }
  return [
    h(
      "span",
      { class: "soft", title: `This key can: ${session.scopes.join(", ")}` },
      `${session.name} (${session.scope})`,
    ),
    h("button", { type: "button", class: "plain", on: { click: signOut } }, "Sign out"),
  ];
}

async function signOut() {
  try {
    session.take(await send("DELETE", "/v1/session"));
  } catch {
    session.lost();
  }
}

function themes() {
  const chosen = document.documentElement.dataset.theme ?? "system";
  return h(
    "select",
    { "aria-label": "Theme", on: { change: (event) => choose(event.currentTarget.value) } },
    Object.entries(THEMES).map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
  );
}

/** @param {string} theme */
function choose(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Storage is off: it holds for this page alone.
  }
}
