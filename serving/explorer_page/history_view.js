// The list of events, the search, and the user's features.

import { $, el, replace } from "./dom.js";
import { inWords, MONTH } from "./gaps.js";

const GAPS = [0, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400, MONTH];

/** Shows the events; `on.changed()` follows any edit, `on.removed(event)` a removal. */
export function showEvents(history, catalogue, { feedback, types }, on) {
  $("history-empty").hidden = history.events.length > 0;
  const rows = history.events.map((event, at) => {
    const item = catalogue.get(event.id);
    const edits = [];
    if (at) {
      edits.push(
        labelled(
          "after",
          `Gap before ${item.title}`,
          gapChoice(history.gapBefore(at), (seconds) => {
            history.setGap(at, seconds);
            on.changed();
          }),
          `gap-${at}`,
        ),
      );
    }
    if (feedback) {
      const value = Number.isNaN(event.feedback) ? "" : event.feedback;
      const input = el("input", { type: "number", step: "any", value, className: "short" });
      input.addEventListener("change", () => {
        event.feedback = input.value === "" ? NaN : input.valueAsNumber;
        on.changed();
      });
      edits.push(labelled("feedback", `Feedback to ${item.title}`, input, `feedback-${at}`));
    }
    if (types.length) {
      const choice = select([["", "unknown"], ...types.map((type) => [type, type])], event.type);
      choice.addEventListener("change", () => {
        event.type = choice.value;
        on.changed();
      });
      edits.push(labelled("type", `Type of the event with ${item.title}`, choice, `type-${at}`));
    }
    const remove = el("button", {
      type: "button",
      className: "icon",
      textContent: "×",
      title: "Remove",
      "aria-label": `Remove ${item.title}`,
      "data-key": `remove-${at}`,
    });
    remove.addEventListener("click", () => {
      history.remove(at);
      on.removed(event);
    });
    const unknown = item.known ? [] : [el("span", { className: "quiet" }, " (unknown to the model)")];
    const title = el("span", { className: "title" }, item.title, ...unknown);
    return el("li", {}, title, remove, el("span", { className: "edits" }, ...edits));
  });
  replace($("events"), rows, $("query"));
}

/** Shows found items as buttons that add them. */
export function showFound(items, catalogue, add) {
  const rows = items.map((item, at) => {
    const button = el("button", { type: "button", className: "found", "data-key": `found-${at}` });
    const genres = catalogue.values(item.id).join(", ");
    button.append(el("span", { className: "title" }, item.title), el("small", {}, genres));
    button.setAttribute("aria-label", `Add ${item.title}${genres ? `, ${genres}` : ""}`);
    button.addEventListener("click", () => add(item.id));
    return el("li", {}, button);
  });
  replace($("found"), rows, $("query"));
}

/** Shows an input for each of the user's features that the model reads. */
export function showUser(history, inputs, changed) {
  const names = Object.keys(inputs).filter((name) => name.startsWith("user_"));
  $("user").hidden = !names.length;
  $("user").replaceChildren(el("legend", {}, "The user"));
  for (const name of names) {
    const isNumber = inputs[name].dtype === "DT_FLOAT";
    const input = el("input", { type: isNumber ? "number" : "text", step: "any", className: "short" });
    const read = () => {
      history.user[name] = !isNumber ? input.value : input.value === "" ? NaN : input.valueAsNumber;
    };
    read();
    input.addEventListener("change", () => {
      read();
      changed();
    });
    $("user").append(el("label", {}, `${name.slice("user_".length)} `, input));
  }
}

/** Reads typed events: an id a line, then perhaps a tab and the gap before it. */
export function typedEvents(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  return lines.map((line) => {
    const [id, gap] = line.split("\t");
    const seconds = gap === undefined || !gap.trim() ? 60 : Number(gap);
    if (!Number.isInteger(seconds) || seconds < 0) {
      throw new Error(`History: got a gap of ${JSON.stringify(gap)}, expected whole seconds, 0 or more`);
    }
    return { id: id.trim(), gap: seconds };
  });
}

function gapChoice(seconds, chosen) {
  const gaps = [...new Set([...GAPS, seconds])].sort((a, b) => a - b);
  const choice = select(
    gaps.map((gap) => [String(gap), inWords(gap)]),
    String(seconds),
  );
  choice.addEventListener("change", () => chosen(Number(choice.value)));
  return choice;
}

function select(options, value) {
  const choice = el("select", {}, ...options.map(([key, text]) => el("option", { value: key }, text)));
  choice.value = value;
  return choice;
}

function labelled(text, label, control, key) {
  control.setAttribute("aria-label", label);
  control.dataset.key = key;
  return el("label", {}, `${text} `, control);
}
