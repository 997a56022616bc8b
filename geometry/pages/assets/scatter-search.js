'use strict';

/** Points by what a person types: a name, a token, its id as #7027, its bytes as f09f90b4. */
Scatter.Search = class {
  /** Small letters; an emoji is found with its selector and without. */
  static plain(text) { return text.trim().toLowerCase().replaceAll('\ufe0f', ''); }

  constructor({ id, text, name, bytes }) {
    this.id = id;
    this.bytes = bytes;
    this.texts = text.map(Scatter.Search.plain);
    this.names = name.map(Scatter.Search.plain);
  }

  /** The positions that answer, the best first. */
  matches(given) {
    const query = Scatter.Search.plain(given);
    if (!query) return [];
    const id = /^#(\d+)$/.exec(query);
    if (id) return [this.id.indexOf(Number(id[1]))].filter((position) => position >= 0);
    const hex = query.replace(/^<|>$|\s/g, '');
    const bytes = /^([0-9a-f]{2}){2,}$/.test(hex) ? hex : '';
    const ranked = this.id.map((_, position) => [this.rank(position, query, bytes), position]);
    return ranked.filter((one) => one[0] >= 0).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((one) => one[1]);
  }

  /** How well a point answers, 0 the best, or -1. */
  rank(position, query, bytes) {
    const name = this.names[position], text = this.texts[position];
    if (text === query || name === query) return 0;
    if (bytes && this.bytes[position].startsWith(bytes)) return 1;
    if (name.startsWith(query) || text.startsWith(query)) return 2;
    if (name.includes(` ${query}`)) return 3;
    return name.includes(query) || text.includes(query) ? 4 : -1;
  }
};
