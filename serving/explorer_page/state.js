// A user's state, kept here and carried on by the server.

import { History } from "./history.js";

export class UserState {
  constructor(model) {
    this.model = model;
    this.possible = ["start", "update", "recommend_from_state"].every((name) => model.has(name));
    this.forget();
  }

  forget() {
    this.bytes = null; // Uint8Array
    this.value = null; // as the API has it
    this.read = []; // what the state has read, as text
    this.trail = []; // {call, events, size, changed (bytes, from the state before), milliseconds}
    this.changes = []; // of each byte, whether the last call changed it
  }

  /** Makes the state that of a history: only what is new is sent, if nothing else has changed. */
  async follow(history) {
    const user = JSON.stringify(history.userInputs());
    const events = history.events.map((event) => ({ ...event }));
    const wanted = [user, ...events.map((event) => JSON.stringify(event))];
    if (!this.value || this.read.some((one, at) => one !== wanted[at])) {
      this.forget();
      await this.#call("start", [], { rows: [0], ...history.userInputs() });
      this.read = [user];
    }
    const fresh = events.slice(this.read.length - 1);
    if (!fresh.length) return;
    const inputs = { state_bytes: [this.value], ...History.inputs(fresh, "items") };
    await this.#call("update", fresh, inputs);
    this.read = wanted;
  }

  async #call(name, events, inputs) {
    const started = performance.now();
    const [value] = (await this.model.ask(name, inputs)).state_bytes;
    const milliseconds = performance.now() - started;
    const bytes = Uint8Array.from(atob(value.b64), (letter) => letter.charCodeAt(0));
    const before = this.bytes;
    this.changes = Array.from(bytes, (byte, at) => before !== null && byte !== before[at]);
    const changed = before && this.changes.filter(Boolean).length;
    this.trail.push({ call: name, events, size: bytes.length, changed, milliseconds });
    [this.bytes, this.value] = [bytes, value];
  }
}
