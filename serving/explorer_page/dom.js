// Building elements, and replacing them without losing the keyboard's place.

export const $ = (id) => document.getElementById(id);

/** An element: properties, attributes (with "-" in their names, or of SVG) and children. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "for" || name === "scope") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** An element of SVG. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * Replaces what is in an element. If the focus was in there, it goes to the new element of the same
 * `data-key`, or else to the last one that has a key, or else to `otherwise`.
 */
export function replace(parent, children, otherwise = null) {
  const active = document.activeElement;
  const key = parent.contains(active) && active !== parent ? active.dataset.key : undefined;
  parent.replaceChildren(...children);
  if (key === undefined) return;
  const keyed = [...parent.querySelectorAll("[data-key]")];
  const next = keyed.find((one) => one.dataset.key === key) ?? keyed.at(-1) ?? otherwise;
  next?.focus();
}

/** A bar of a share from 0 to 1, with a mark at another share; the numbers stand beside it. */
export function bar(share, mark = null) {
  const found = el("span", { className: "bar", "aria-hidden": "true" }, el("span", {}));
  found.firstChild.style.width = `${100 * Math.min(share, 1)}%`;
  if (mark !== null) {
    const line = el("i", {});
    line.style.left = `${100 * Math.min(mark, 1)}%`;
    found.append(line);
  }
  return found;
}

export function percent(share) {
  return `${(100 * share).toPrecision(share < 0.0995 ? 2 : 3)} %`;
}

/** Runs work one at a time; asked while it runs, it runs once more, with what holds by then. */
export class Latest {
  constructor(work) {
    this.work = work;
    this.running = false;
    this.again = false;
  }

  async trigger() {
    this.again = true;
    if (this.running) return;
    this.running = true;
    try {
      while (this.again) {
        this.again = false;
        await this.work();
      }
    } finally {
      this.running = false;
    }
  }
}
