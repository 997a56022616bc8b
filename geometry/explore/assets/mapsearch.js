/* global Scatter */
/** The search box over the map: what is found is marked, Enter goes from one to the next. */

import {find} from './dom.js';

export class MapSearch {
  found = [];
  #search = null;
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
    this.#search = points && new Scatter.Search(points);
    find('find').value = this.state.get('find');
    this.#seek();
  }

  #seek() {
    const wanted = find('find').value.trim();
    this.#next = 0;
    this.found = this.#search?.matches(wanted) ?? [];
    this.onFind(this.found);
    find('found').textContent = !wanted ? '' : this.found.length ? `${this.found.length} found` : 'none of that name';
  }
}
