// JSON as TensorFlow Serving has it: NaN and the infinities stand bare.

const STRING_OR_WORD = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;
const WORDS = { NaN: "null", Infinity: "1e999", "-Infinity": "-1e999" };

/** Reads an answer; NaN becomes null. */
export function parse(text) {
  return JSON.parse(text.replace(STRING_OR_WORD, (found) => WORDS[found] ?? found));
}

/** Writes a request on one line; NaN and the infinities stand bare. */
export function write(value) {
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return `[${value.map(write).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const parts = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${write(one)}`);
    return `{${parts.join(", ")}}`;
  }
  return JSON.stringify(value);
}
