// The recommendations at a gap, and what they are made of.

import { $, bar, el, percent, replace } from "./dom.js";
import { inWords } from "./gaps.js";

/** The answers of one row of outputs: ids with their probabilities. */
export function answersOf(told, row) {
  const pairs = told.items[row].map((id, at) => ({
    id,
    probability: Math.exp(told.log_probabilities[row][at]),
  }));
  return pairs.filter(({ id }) => id);
}

/** Shows answers against those at a gap of 0 s; `add(id)` follows a press of a row's button. */
export function showAnswers(answers, first, catalogue, gap, add) {
  $("popularity-column").hidden = !catalogue.canDescribe;
  const places = new Map(first.map(({ id }, at) => [id, at]));
  const most = Math.max(...answers.map(({ probability }) => probability), 1e-9);
  const rows = answers.map(({ id, probability }, at) => {
    const { title, popularity } = catalogue.get(id);
    const button = el("button", {
      type: "button",
      textContent: "Add",
      "aria-label": `Add ${title}, ${inWords(gap)} after the last event`,
      "data-key": `add-${at}`,
    });
    button.addEventListener("click", () => add(id));
    const cells = [
      el("td", { className: "place" }, String(at + 1), move(places.get(id), at)),
      el(
        "th",
        { scope: "row" },
        el("span", { className: "title" }, title),
        el("small", {}, catalogue.values(id).join(", ")),
        popularity === null ? "" : el("small", { className: "narrow" }, `popularity ${percent(popularity)}`),
      ),
      el("td", { className: "number" }, percent(probability), bar(probability / most)),
    ];
    if (catalogue.canDescribe) {
      cells.push(el("td", { className: "number wide" }, popularity === null ? "" : percent(popularity)));
    }
    cells.push(el("td", {}, button));
    return el("tr", { className: places.has(id) ? "" : "new" }, ...cells);
  });
  if (!rows.length) rows.push(el("tr", {}, el("td", { colSpan: 5 }, "No items are left to recommend.")));
  replace($("answer-rows"), rows, $("answers-title"));
}

/** One sentence of what is shown. */
export function summaryOf(answers, first, catalogue, gap, level) {
  const before = new Set(first.map(({ id }) => id));
  const fresh = answers.filter(({ id }) => !before.has(id)).length;
  const parts = [`${inWords(gap)} after the last event (level ${level})`];
  if (answers.length) parts.push(`first is ${catalogue.get(answers[0].id).title}`);
  if (gap) parts.push(`${fresh} of ${answers.length} are not among the answers at 0 s`);
  return `${parts.join("; ")}.`;
}

export function meanPopularity(answers, catalogue) {
  const known = answers.map(({ id }) => catalogue.get(id).popularity ?? 0);
  return known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : 0;
}

/**
 * Shows popularity, numbers and the commonest values of the features.
 *
 * The same rows at every gap, so that they can be watched: `sweep` is a list of answers at many gaps,
 * that at 0 s first.
 */
export function showMix(answers, sweep, catalogue) {
  const first = sweep[0];
  const rows = [];
  const popularity = (some) => meanPopularity(some, catalogue);
  if (catalogue.canDescribe) {
    const most = Math.max(...sweep.map(popularity), 1e-9);
    const [now, before] = [popularity(answers), popularity(first)];
    rows.push(...entry("Mean popularity", percent(now), bar(now / most, before / most)));
  }
  for (const name of catalogue.numbers) {
    const value = mean(answers, name, catalogue);
    if (value === null) continue;
    const before = mean(first, name, catalogue);
    const beside = el("small", {}, before === null ? "" : `${rounded(before)} at 0 s`);
    rows.push(...entry(`Mean ${name.slice("item_".length)}`, rounded(value), beside));
  }
  for (const value of commonest(sweep, catalogue)) {
    const [now, before] = [answers, first].map((some) => shareWith(some, value, catalogue));
    rows.push(...entry(value, `${Math.round(100 * now)} %`, bar(now, before)));
  }
  $("mix-panel").hidden = !rows.length;
  $("mix").replaceChildren(...rows);
}

function entry(name, text, picture) {
  return [el("dt", {}, name), el("dd", {}, el("span", { className: "figure" }, text), picture)];
}

function move(before, at) {
  if (before === undefined) return el("span", { className: "moved in" }, "new");
  if (before === at) return el("span", { className: "quiet" }, "same");
  const up = before > at;
  const arrow = el("span", { "aria-hidden": "true" }, up ? "▲" : "▼");
  const word = el("span", { className: "hidden" }, up ? "up " : "down ");
  return el("span", { className: "moved" }, arrow, word, String(Math.abs(before - at)));
}

function mean(answers, name, catalogue) {
  const values = answers.map(({ id }) => catalogue.get(id).features[name]);
  const known = values.filter((value) => typeof value === "number");
  return known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : null;
}

function rounded(number) {
  return Math.abs(number) < 100 ? String(Number(number.toPrecision(3))) : String(Math.round(number));
}

function shareWith(answers, value, catalogue) {
  const having = answers.filter(({ id }) => catalogue.values(id).includes(value));
  return answers.length ? having.length / answers.length : 0;
}

/** The values that are the commonest at some gap, by how common they are on the whole. */
function commonest(sweep, catalogue, count = 8) {
  const sums = new Map();
  for (const { id } of sweep.flat()) {
    for (const value of catalogue.values(id)) sums.set(value, (sums.get(value) ?? 0) + 1);
  }
  return [...sums].sort((a, b) => b[1] - a[1]).slice(0, count).map(([value]) => value);
}
