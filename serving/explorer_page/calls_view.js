// The latest call of each signature, to be copied.

import { $, el } from "./dom.js";

const calls = new Map(); // by signature
const SHOWN = 4000; // characters of an answer
const FIRST = "recommend"; // is shown until the reader chooses another

export function forgetCalls() {
  calls.clear();
  $("call").replaceChildren();
}

/** Notes a call; the one that the reader has chosen stays in sight. */
export function noteCall(call) {
  const fresh = !calls.has(call.signature);
  if (fresh) $("call").append(el("option", {}, call.signature));
  calls.set(call.signature, call);
  if (call.signature === FIRST && fresh) $("call").value = FIRST;
  if ($("call").value === call.signature) showCall();
}

export function callOf(signature) {
  return calls.get(signature);
}

export function showCall() {
  const call = calls.get($("call").value);
  if (!call) return;
  $("copied").textContent = "";
  $("curl").textContent = call.curl;
  const more = call.answer.length - SHOWN;
  const rest = more > 0 ? `\n… and ${more.toLocaleString("en")} characters more` : "";
  $("answer").textContent = call.answer.slice(0, SHOWN) + rest;
}

export async function copyCurl() {
  try {
    await navigator.clipboard.writeText($("curl").textContent);
    $("copied").textContent = "Copied";
  } catch {
    // Pages of other machines than this one come without a clipboard unless by HTTPS.
    getSelection().selectAllChildren($("curl"));
    $("copied").textContent = "Selected: press Ctrl+C";
  }
}
