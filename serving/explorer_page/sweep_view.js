// All gaps at once: a line of popularity, and the first answers side by side (the paper's Table 5).

import { meanPopularity } from "./answers_view.js";
import { $, el, percent, svg } from "./dom.js";
import { inWords, levelOf, MARKS, positionOf, secondsAt, STEPS } from "./gaps.js";

const EVERY = 16; // positions of the slider between two gaps asked for
const LEFT = 60;
const WIDTH = 530;
const TOP = 12;
const HEIGHT = 140;

/** The gaps asked for, 0 s first: those of the marks among them. */
export function sweptGaps() {
  const steps = Array.from({ length: STEPS / EVERY + 1 }, (_, at) => secondsAt(at * EVERY));
  return [...new Set([...steps, ...MARKS])].sort((a, b) => a - b);
}

export function showSweep(gaps, sweep, catalogue, thresholds) {
  const columns = MARKS.map((gap) => ({ gap, answers: sweep[gaps.indexOf(gap)] }));
  const head = columns.map(({ gap }) =>
    el("th", { scope: "col" }, inWords(gap), el("small", {}, `level ${levelOf(gap, thresholds)}`)),
  );
  const rows = Array.from({ length: Math.min(5, sweep[0].length) }, (_, at) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, String(at + 1)),
      ...columns.map(({ answers }) => el("td", {}, answers[at] ? catalogue.get(answers[at].id).title : "")),
    ),
  );
  if (catalogue.canDescribe) {
    const means = columns.map(({ answers }) => percent(meanPopularity(answers, catalogue)));
    rows.push(
      el(
        "tr",
        { className: "foot" },
        el("th", { scope: "row" }, "mean popularity"),
        ...means.map((text) => el("td", {}, text)),
      ),
    );
  }
  $("sweep").replaceChildren(
    el("caption", { className: "hidden" }, "First answers by gap"),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "#"), ...head)),
    el("tbody", {}, ...rows),
  );
  $("chart").parentElement.hidden = !catalogue.canDescribe;
  if (catalogue.canDescribe) draw(gaps, sweep.map((answers) => meanPopularity(answers, catalogue)), thresholds);
}

/** Moves the chart's mark to a gap. */
export function markGap(gap) {
  const x = xOf(gap);
  $("chart").querySelector(".now")?.setAttribute("d", `M${x} ${TOP}V${TOP + HEIGHT}`);
}

function xOf(gap) {
  return LEFT + (WIDTH * positionOf(gap)) / STEPS;
}

function draw(gaps, means, thresholds) {
  const most = Math.max(...means, 1e-9) * 1.1;
  const y = (value) => TOP + HEIGHT * (1 - value / most);
  const points = gaps.map((gap, at) => `${xOf(gap)},${y(means[at])}`).join(" ");
  const anchor = (at) => (at === MARKS.length - 1 ? "end" : at ? "middle" : "start");
  $("chart").replaceChildren(
    ...thresholds.map((gap) => svg("path", { class: "threshold", d: `M${xOf(gap)} ${TOP}V${TOP + HEIGHT}` })),
    ...[0, most / 1.1].flatMap((value) => [
      svg("path", { class: "grid", d: `M${LEFT} ${y(value)}H${LEFT + WIDTH}` }),
      svg("text", { x: LEFT - 4, y: y(value) + 4, "text-anchor": "end" }, value ? percent(value) : "0"),
    ]),
    ...MARKS.map((gap, at) =>
      svg("text", { x: xOf(gap), y: TOP + HEIGHT + 18, "text-anchor": anchor(at) }, inWords(gap)),
    ),
    svg("path", { class: "now" }),
    svg("polyline", { class: "curve", points }),
  );
  const [from, to] = [means[0], means.at(-1)].map(percent);
  const dashes = thresholds.length ? "; dashed lines are where the model's levels begin" : "";
  $("chart-text").textContent =
    `Mean popularity of the answers by gap: ${from} at 0 s, ${to} at ${inWords(gaps.at(-1))}${dashes}.`;
}
