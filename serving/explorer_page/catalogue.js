// What a model tells of its items. One that tells nothing has its ids for titles.

const PAGE = 8;
const LONGEST = 40; // characters of a value that is shown

export class Catalogue {
  constructor(model) {
    this.model = model;
    this.items = new Map(); // by id
    this.canDescribe = model.has("describe_items");
    this.canSearch = model.has("search_items");
    const outputs = this.canDescribe ? model.signatures.describe_items.outputs : {};
    const features = (dtype) =>
      Object.keys(outputs).filter((name) => name.startsWith("item_") && outputs[name].dtype === dtype);
    this.texts = features("DT_STRING");
    this.numbers = features("DT_FLOAT");
  }

  /** An item: id, title, popularity (null if not known), known, and features by output name. */
  get(id) {
    return this.items.get(id) ?? { id, title: id, popularity: null, known: true, features: {} };
  }

  /** Asks for those of some items that have not been met yet. */
  async meet(ids) {
    const strangers = [...new Set(ids)].filter((id) => id && !this.items.has(id));
    if (!this.canDescribe || !strangers.length) return;
    this.#remember(await this.model.ask("describe_items", { items: [strangers] }));
  }

  /** A page of the items that a text finds: items, and how many there are in all. */
  async search(text, offset, count = PAGE) {
    const told = await this.model.ask("search_items", { text: [text], offset: [offset], k: [count] });
    this.#remember(told);
    return { items: told.items[0].filter(Boolean).map((id) => this.get(id)), found: told.found[0] };
  }

  /** Three items that go together, the first of some popularity rank. */
  async example(rank) {
    if (!this.canSearch) return [];
    const [first] = (await this.search("", rank, 1)).items;
    if (!first || !this.model.has("similar_items")) return first ? [first.id] : [];
    const told = await this.model.ask("similar_items", { items: [first.id], k: [2] });
    const ids = [...told.items[0].filter(Boolean).reverse(), first.id];
    await this.meet(ids);
    return ids;
  }

  /** An item's values of its text features, each once; whole texts and its title are left out. */
  values(id) {
    const { features, title } = this.get(id);
    const found = this.texts.flatMap((name) => (features[name] ?? "").split("|"));
    const values = new Set(found.map((value) => value.trim()));
    return [...values].filter((value) => value && value !== title && value.length <= LONGEST);
  }

  #remember(told) {
    const known = told.known?.[0];
    told.items[0].forEach((id, at) => {
      const features = {};
      for (const name of [...this.texts, ...this.numbers]) features[name] = told[name]?.[0][at] ?? null;
      const one = { id, title: told.titles[0][at], popularity: told.popularity[0][at], features };
      this.items.set(id, { ...one, known: known ? known[at] : true });
    });
  }
}
