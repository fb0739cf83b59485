// The page: one model, one user's history, one gap; what changes any of them asks again.

import { answersOf, showAnswers, showMix, summaryOf } from "./answers_view.js";
import { Model } from "./api.js";
import { callOf, copyCurl, forgetCalls, noteCall, showCall } from "./calls_view.js";
import { Catalogue } from "./catalogue.js";
import { $, el, Latest } from "./dom.js";
import { inWords, levelOf, MARKS, MONTH, positionOf, secondsAt, STEPS } from "./gaps.js";
import { History } from "./history.js";
import { showEvents, showFound, showUser, typedEvents } from "./history_view.js";
import { UserState } from "./state.js";
import { showCheck, showState } from "./state_view.js";
import { markGap, showSweep, sweptGaps } from "./sweep_view.js";

const QUIET_MILLISECONDS = 400; // before a summary is read out, so that a slide is not read whole
const SWEPT = sweptGaps();

let shown = null; // what is on the page: model, card, catalogue, history, state, ...
let gap = 0;
let toldLater = 0;
let offset = 0; // of the search

// Asking

const asking = new Latest(async () => {
  const page = shown;
  if (page === null) return; // another model is being opened
  try {
    if (page.sweepOf !== keyOfSweep()) await sweep(page);
    if (page.stateOf !== keyOfHistory() && page.state.possible) await followState(page);
    await recommend(page);
    $("error").hidden = true;
  } catch (error) {
    if (shown === page) fail(error);
  }
  if (!asking.again) $("main").setAttribute("aria-busy", "false");
});

function ask() {
  $("main").setAttribute("aria-busy", "true");
  asking.trigger();
}

function question(rows) {
  return {
    k: Array(rows).fill(Number($("k").value)),
    exclude_seen: Array(rows).fill($("exclude-seen").checked),
  };
}

function asked(gaps) {
  const { history } = shown;
  return {
    ...History.inputs(history.events, "history", gaps.length),
    ...history.userInputs(gaps.length),
    query_time: gaps.map((one) => history.lastTime + one),
    ...question(gaps.length),
  };
}

const keyOfHistory = () => JSON.stringify([shown.history.events, shown.history.userInputs()]);
const keyOfSweep = () => JSON.stringify([keyOfHistory(), question(1)]);

async function sweep(page) {
  const key = keyOfSweep();
  const told = await page.model.ask("recommend", asked(SWEPT));
  const found = SWEPT.map((_, row) => answersOf(told, row));
  await page.catalogue.meet([...page.history.events.map(({ id }) => id), ...found.flat().map(({ id }) => id)]);
  page.sweep = found;
  page.sweepOf = key;
  showHistory();
  showSweep(SWEPT, found, page.catalogue, page.thresholds);
}

async function followState(page) {
  const key = keyOfHistory();
  await page.state.follow(page.history);
  const [fromHistory, fromState] = [
    await page.model.ask("recommend", asked([gap])),
    await page.model.ask("recommend_from_state", askedOfState(page)),
  ];
  page.stateOf = key;
  showState(page.state, callOf("recommend").bytes, page.catalogue);
  showCheck(answersOf(fromState, 0), answersOf(fromHistory, 0));
}

function askedOfState(page) {
  return {
    state_bytes: [page.state.value],
    query_time: [page.history.lastTime + gap],
    ...question(1),
  };
}

async function recommend(page) {
  const at = gap;
  const way = $("way").value;
  const inputs = way === "recommend" ? asked([at]) : askedOfState(page);
  const answers = answersOf(await page.model.ask(way, inputs), 0);
  await page.catalogue.meet(answers.map(({ id }) => id));
  showAnswers(answers, page.sweep[0], page.catalogue, at, add);
  showMix(answers, page.sweep, page.catalogue);
  markGap(at);
  const summary = summaryOf(answers, page.sweep[0], page.catalogue, at, levelOf(at, page.thresholds));
  clearTimeout(toldLater);
  toldLater = setTimeout(() => ($("summary").textContent = summary), QUIET_MILLISECONDS);
}

function fail(error) {
  $("error").textContent = error.message;
  $("error").hidden = false;
}

// The gap

function setGap(seconds, fromSlider = false) {
  gap = seconds;
  if (!fromSlider) $("gap").value = positionOf(seconds);
  const level = levelOf(seconds, shown.thresholds);
  const words = `${inWords(seconds)}, level ${level} of 0 to ${shown.thresholds.length}`;
  $("gap").setAttribute("aria-valuetext", words);
  $("gap-value").textContent = `${inWords(seconds)} · level ${level}`;
  for (const button of $("gap-marks").children) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.gap) === seconds));
  }
}

function showLevels() {
  const edges = [0, ...shown.thresholds.filter((one) => one < MONTH).map(positionOf), STEPS];
  const parts = edges.slice(1).map((edge, at) => {
    const part = el("span", { textContent: at ? String(at) : "level 0" });
    part.style.width = `${(100 * (edge - edges[at])) / STEPS}%`;
    return part;
  });
  $("levels").replaceChildren(...parts);
}

function showMarks() {
  const marks = MARKS.map((seconds) => {
    const button = el("button", {
      type: "button",
      textContent: inWords(seconds).replace(/ days?/, " d"),
      "aria-label": inWords(seconds),
      "data-gap": seconds,
    });
    button.style.left = `${(100 * positionOf(seconds)) / STEPS}%`;
    button.addEventListener("click", () => {
      setGap(seconds);
      ask();
    });
    return button;
  });
  $("gap-marks").replaceChildren(...marks);
}

// The history

function showHistory() {
  const { history, catalogue, reads } = shown;
  showEvents(history, catalogue, reads, {
    changed: ask,
    removed: (event) => edited(`Removed ${catalogue.get(event.id).title}.`),
  });
}

function edited(message) {
  $("find-hint").textContent = message;
  showHistory();
  ask();
}

function add(id) {
  const { history, catalogue, reads } = shown;
  const after = history.events.length ? `, ${inWords(gap)} after the last event` : "";
  const type = history.events.at(-1)?.type ?? reads.types[0] ?? "";
  history.add(id, gap, { type });
  setGap(0);
  edited(`Added ${catalogue.get(id).title}${after}. The gap starts again at 0 s.`);
}

async function useExample(rank) {
  const { catalogue, history, reads } = shown;
  history.clear();
  const type = reads.types[0] ?? "";
  for (const id of await catalogue.example(rank)) history.add(id, 40, { type });
  edited("");
}

function useTyped() {
  try {
    const events = typedEvents($("typed-ids").value);
    shown.history.clear();
    for (const { id, gap: before } of events) shown.history.add(id, before);
    edited(`The history has ${events.length} events.`);
  } catch (error) {
    fail(error);
  }
}

// The search

const searching = new Latest(async () => {
  const { catalogue } = shown;
  const text = $("query").value.trim();
  try {
    const { items, found } = await catalogue.search(text, offset);
    $("find-hint").textContent = found
      ? `${offset + 1} to ${offset + items.length} of ${found.toLocaleString("en")}, the most popular first`
      : `No item has ${JSON.stringify(text)} in its title or id.`;
    $("more").hidden = offset + items.length >= found;
    showFound(items, catalogue, add);
  } catch (error) {
    fail(error);
  }
});

function search(from) {
  if (!shown.catalogue.canSearch) return;
  offset = from;
  searching.trigger();
}

function closeSearch() {
  $("found").replaceChildren();
  $("more").hidden = true;
  $("find-hint").textContent = "";
}

async function addFirst() {
  const text = $("query").value.trim();
  if (!text) return;
  try {
    const { catalogue } = shown;
    let id = text;
    if (catalogue.canSearch) {
      const { items } = await catalogue.search(text, 0, 1);
      if (!items.length) {
        search(0);
        return;
      }
      id = items[0].id;
    }
    $("query").value = "";
    closeSearch();
    add(id);
  } catch (error) {
    fail(error);
  }
}

// Models

async function open(name) {
  forgetCalls();
  shown = null;
  $("main").hidden = true;
  $("model-name").textContent = name;
  document.title = `Explore ${name}`;
  try {
    const model = new Model(name, noteCall);
    await model.learn();
    if (!model.has("recommend") || !model.has("model_info")) {
      const has = Object.keys(model.signatures).join(", ");
      throw new Error(`${name}: got a model with ${has}, expected recommend and model_info, as tfhrnn exports them`);
    }
    const info = await model.ask("model_info", { rows: [0] });
    const card = JSON.parse(info.card[0]);
    const { inputs } = model.signatures.recommend;
    const catalogue = new Catalogue(model);
    shown = {
      model,
      catalogue,
      thresholds: info.thresholds[0],
      reads: {
        feedback: "feedback" in inputs,
        types: "event_types" in inputs ? (card.data.event_types ?? []) : [],
      },
      history: new History(card.data.last_time ?? Math.floor(Date.now() / 1000)),
      state: new UserState(model),
      sweep: [],
      sweepOf: null,
      stateOf: null,
    };
    $("facts").textContent =
      `Preset ${info.preset[0]}, trained on ${card.data.name}, ` +
      `${info.catalogue_items[0].toLocaleString("en")} items, version ${card.version}.`;
    $("example").hidden = $("browse").hidden = !catalogue.canSearch;
    $("find-add").textContent = catalogue.canSearch ? "Add first" : "Add";
    $("query").placeholder = catalogue.canSearch ? "Title or id" : "Id";
    $("state-panel").hidden = $("way-choice").hidden = !shown.state.possible;
    $("way").value = "recommend";
    closeSearch();
    showLevels();
    showMarks();
    showUser(shown.history, inputs, ask);
    setGap(0);
    await useExample(Math.min(30, info.catalogue_items[0] - 1));
    $("main").hidden = false;
  } catch (error) {
    fail(error);
  }
}

function start() {
  const names = JSON.parse(document.body.dataset.models);
  const wanted = new URLSearchParams(location.search).get("model");
  $("model").replaceChildren(...names.map((name) => el("option", {}, name)));
  $("model-choice").hidden = names.length < 2;
  $("model").value = names.includes(wanted) ? wanted : names[0];
  $("model").addEventListener("change", () => open($("model").value));
  $("gap").addEventListener("input", () => {
    setGap(secondsAt($("gap").valueAsNumber), true);
    ask();
  });
  for (const id of ["k", "exclude-seen", "way"]) $(id).addEventListener("change", ask);
  $("example").addEventListener("click", () => useExample(Math.floor(Math.random() * 200)).catch(fail));
  $("clear").addEventListener("click", () => {
    shown.history.clear();
    edited("The history is empty.");
  });
  $("query").addEventListener("input", () => ($("query").value.trim() ? search(0) : closeSearch()));
  $("browse").addEventListener("click", () => search(0));
  $("more").addEventListener("click", () => search(offset + $("found").children.length));
  $("find").addEventListener("submit", (event) => {
    event.preventDefault();
    addFirst();
  });
  $("typed-use").addEventListener("click", useTyped);
  $("call").addEventListener("change", showCall);
  $("copy").addEventListener("click", copyCurl);
  if (names.length) open($("model").value);
  else fail(new Error("The server has no model."));
}

start();
