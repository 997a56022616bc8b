/** The search box over the map: what is found is marked, Enter goes from one to the next. */

import {find} from './dom.js';

export class MapSearch {
  found = [];
  #points = null;
  #next = 0;

  /**
   * @param {import('./state.js').State} state
   * @param {(found: number[]) => void} onFind
   * @param {(at: number) => void} onGo
   */
  constructor(state, onFind, onGo) {
    this.state = state;
    this.onFind = onFind;
    find('find').addEventListener('input', () => {
      state.set({find: find('find').value.trim()});
      this.#seek();
    });
    find('search').addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.found.length) onGo(this.found[this.#next++ % this.found.length]);
    });
  }

  /** Search other points, or none. */
  over(points) {
    this.#points = points;
    find('find').value = this.state.get('find');
    this.#seek();
  }

  #seek() {
    const wanted = find('find').value.trim().toLowerCase();
    this.#next = 0;
    this.found = wanted && this.#points ? matches(this.#points, wanted) : [];
    this.onFind(this.found);
    find('found').textContent = !wanted ? '' : this.found.length ? `${this.found.length} found` : 'none of that name';
  }
}

/** Positions by a part of the name, the token itself, or its id as `#7027`. */
function matches({name, text, id}, wanted) {
  return id.flatMap((number, at) => (name[at].toLowerCase().includes(wanted)
    || text[at].trim().toLowerCase().startsWith(wanted) || `#${number}` === wanted ? [at] : []));
}
