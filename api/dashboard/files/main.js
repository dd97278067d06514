// The frame around every view: navigation, theme, who is signed in, and the list of REST calls.

import { get } from "./http.js";
import { drawAccount } from "./parts/account.js";
import { drawCalls } from "./parts/calls.js";
import { helpByKey } from "./parts/keys.js";
import { drawNavigation } from "./parts/navigation.js";
import { onChange, show, start } from "./router.js";
import { session } from "./session.js";

/** @type {boolean | null} */
let signedIn = null; // not known yet

session.changed = () => {
  drawAccount();
  const before = signedIn;
  signedIn = session.signed_in || !session.keys_required;
  if (before && !signedIn) show({ fresh: true }); // which is the page for signing in
};

onChange(drawNavigation);
drawCalls();
helpByKey();
try {
  session.take(await get("/v1/session"));
} catch {
  drawAccount(); // the view that is shown next says what is wrong
}
await start();
