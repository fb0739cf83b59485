// The state's size, which of its bytes changed, and how it came about.

import { $, el } from "./dom.js";

const CELLS = 64;
const SHOWN = 12; // calls

/** Shows a state beside the length of the request that tells the same history. */
export function showState(state, historyBytes, catalogue) {
  const size = state.bytes.length;
  const { call, changed } = state.trail.at(-1);
  const told = changed === null ? "" : `; ${call} changed ${count(changed, "byte")} of them`;
  $("state-size").textContent =
    `${count(size, "byte")}, however long the history${told}. ` +
    `The request with the whole history: ${count(historyBytes, "byte")}.`;
  const cells = Array.from({ length: CELLS }, (_, at) => {
    const [from, to] = [at, at + 1].map((edge) => Math.round((edge * size) / CELLS));
    const part = state.changes.slice(from, to);
    const cell = el("span", {});
    cell.style.setProperty("--changed", part.filter(Boolean).length / Math.max(part.length, 1));
    return cell;
  });
  $("state-strip").replaceChildren(...cells);
  $("state-strip").setAttribute(
    "aria-label",
    `The state's bytes from first to last, darker where the last call changed them: ${changed ?? 0} of ${size}`,
  );
  const rows = state.trail.slice(-SHOWN).map(({ call, events, size, changed, milliseconds }) => {
    const titles = events.map(({ id }) => catalogue.get(id).title);
    const what = titles.length > 3 ? `${titles.length} events` : titles.join("; ");
    const after = changed === null ? "" : `, ${changed.toLocaleString("en")} changed`;
    return el(
      "li",
      {},
      el("code", {}, call),
      ` ${what}${what && ": "}${count(size, "byte")}${after}, ${Math.round(milliseconds)} ms`,
    );
  });
  $("state-trail").replaceChildren(...rows);
  $("state-trail").start = Math.max(state.trail.length - SHOWN, 0) + 1;
}

/** Tells how far answers from the state are from those of the whole history. */
export function showCheck(fromState, fromHistory) {
  const probabilities = new Map(fromHistory.map(({ id, probability }) => [id, probability]));
  const same = fromState.every(({ id }, at) => id === fromHistory[at]?.id);
  const apart = fromState.map(({ id, probability }) =>
    Math.abs(Math.log(probability) - Math.log(probabilities.get(id) ?? NaN)),
  );
  const known = apart.filter((one) => !Number.isNaN(one));
  const largest = Math.max(...known, 0);
  const most = largest ? largest.toExponential(0) : "0";
  $("state-check").textContent =
    `recommend_from_state gives ${same ? "the same items in the same order" : "other items"} as recommend ` +
    `(largest difference of log-probabilities: ${most}).`;
}

function count(number, unit) {
  return `${number.toLocaleString("en")} ${unit}${number === 1 ? "" : "s"}`;
}
