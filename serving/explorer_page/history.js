// A user's events, and the inputs that tell them.

export class History {
  constructor(firstTime) {
    this.firstTime = firstTime; // Unix seconds of a first event
    this.events = []; // {id, time, feedback, type}, oldest first
    this.user = {}; // raw features by input name
  }

  get lastTime() {
    return this.events.at(-1)?.time ?? this.firstTime;
  }

  gapBefore(at) {
    return at ? this.events[at].time - this.events[at - 1].time : 0;
  }

  add(id, gap, { feedback = NaN, type = "" } = {}) {
    const time = this.events.length ? this.lastTime + gap : this.firstTime;
    this.events.push({ id, time, feedback, type });
  }

  /** Leaves an event out; those behind it keep their times. */
  remove(at) {
    this.events.splice(at, 1);
  }

  /** Moves an event and all behind it. */
  setGap(at, gap) {
    const shift = gap - this.gapBefore(at);
    for (const event of this.events.slice(at)) event.time += shift;
  }

  clear() {
    this.events = [];
  }

  /** Inputs that tell events, their items under a name, in so many equal rows. */
  static inputs(events, items, rows = 1) {
    const row = (value, blank) => {
      const one = events.length ? events.map(value) : [blank];
      return Array.from({ length: rows }, () => one);
    };
    return {
      [items]: row(({ id }) => id, ""),
      times: row(({ time }) => time, 0),
      feedback: row(({ feedback }) => feedback, NaN),
      event_types: row(({ type }) => type, ""),
    };
  }

  /** Inputs that tell the user's features, in so many equal rows. */
  userInputs(rows = 1) {
    const entries = Object.entries(this.user);
    return Object.fromEntries(entries.map(([name, value]) => [name, Array(rows).fill(value)]));
  }
}
