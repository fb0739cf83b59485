// One model's REST calls, and the curl command of each.

import { parse, write } from "./json.js";

export class Model {
  /**
   * @param {string} name in URLs.
   * @param {(call: object) => void} heard is told of every call: signature, curl, answer (its text),
   *   milliseconds and the request's length in bytes.
   */
  constructor(name, heard) {
    this.name = name;
    this.heard = heard;
    this.signatures = {};
    // Beside the page, so that it works behind a prefix too.
    this.url = new URL(`v1/models/${encodeURIComponent(name)}`, document.baseURI).href;
  }

  /** Learns the signatures: by name, their inputs and outputs with dtype and rank. */
  async learn() {
    const told = await this.#call("metadata", `${this.url}/metadata`);
    const tensors = (infos) =>
      Object.fromEntries(
        Object.entries(infos).map(([name, info]) => [
          name,
          { dtype: info.dtype, rank: (info.tensor_shape.dim ?? []).length },
        ]),
      );
    for (const [name, one] of Object.entries(told.metadata.signature_def.signature_def)) {
      this.signatures[name] = { inputs: tensors(one.inputs), outputs: tensors(one.outputs) };
    }
  }

  has(signature) {
    return signature in this.signatures;
  }

  /**
   * Asks a signature.
   *
   * @param {string} signature
   * @param {object} values by input name, each a list of rows; inputs left out get what says nothing.
   * @returns {Promise<object>} outputs by name, each a list of rows.
   */
  async ask(signature, values) {
    const { inputs, outputs } = this.signatures[signature];
    const rows = Object.values(values)[0].length;
    const filled = {};
    for (const [name, tensor] of Object.entries(inputs)) {
      filled[name] = values[name] ?? Array.from({ length: rows }, () => blank(name, tensor));
    }
    const body = write({ signature_name: signature, inputs: filled });
    const found = (await this.#call(signature, `${this.url}:predict`, body)).outputs;
    const names = Object.keys(outputs);
    return names.length === 1 ? { [names[0]]: found } : found; // a lone output has no name
  }

  async #call(signature, url, body) {
    const started = performance.now();
    const response = await fetch(url, body === undefined ? {} : { method: "POST", body });
    const answer = await response.text();
    this.heard({
      signature,
      curl: body === undefined ? `curl ${quoted(url)}` : `curl -d ${quoted(body)} ${quoted(url)}`,
      answer,
      milliseconds: performance.now() - started,
      bytes: body === undefined ? 0 : new TextEncoder().encode(body).length,
    });
    let told;
    try {
      told = parse(answer);
    } catch {
      throw new Error(`${response.status} ${response.statusText}: ${answer.slice(0, 200)}`);
    }
    if (!response.ok) throw new Error(told.error ?? `${response.status} ${response.statusText}`);
    return told;
  }
}

/** What says nothing, as an input's row: no ids, an unknown number. */
function blank(name, { dtype, rank }) {
  let value = 0;
  if (dtype === "DT_STRING") value = "";
  else if (dtype === "DT_BOOL") value = false;
  else if (dtype === "DT_FLOAT" && name !== "exploration") value = NaN;
  return rank > 1 ? [value] : value;
}

/** A word of a POSIX shell. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
