// The frame around every view: navigation, theme, who is signed in, and the list of REST calls.

import { address, get } from "./http.js";
import { drawAccount } from "./parts/account.js";
import { drawCalls } from "./parts/calls.js";
import { drawNavigation } from "./parts/navigation.js";
import { go, onChange, start } from "./router.js";
import { session } from "./session.js";

const SIGN_IN = address("/sign-in");
const signInFirst = () => address("/sign-in", { next: location.pathname + location.search });
const mustSignIn = () => session.keys_required && !session.signed_in && location.pathname !== SIGN_IN;

session.changed = () => {
  drawAccount();
  if (started && mustSignIn()) go(signInFirst());
};

let started = false;
onChange(drawNavigation);
drawCalls();
try {
  session.take(await get("/v1/session"));
} catch {
  drawAccount(); // the view that is shown next says what is wrong
}
if (mustSignIn()) history.replaceState(null, "", signInFirst());
started = true;
await start();
