/** Groups of emoji below the map: its legend, and each on and off. */

import {make, replace} from './dom.js';

export class MapGroups {
  /**
   * @param {HTMLElement} list
   * @param {import('./state.js').State} state
   * @param {(shown: Set<number>) => void} onChange
   */
  constructor(list, state, onChange) {
    this.list = list;
    this.state = state;
    this.onChange = onChange;
  }

  /** @param {{name: string, color: string}[]} groups of the map */
  show(groups) {
    const hidden = new Set(this.state.get('hide').split(',').filter(Boolean).map(Number));
    const apply = () => this.onChange(new Set(groups.flatMap((_, at) => (hidden.has(at) ? [] : [at]))));
    replace(this.list, ...groups.map((group, at) => {
      const dot = make('i');
      dot.style.background = group.color;
      const button = make('button', {type: 'button', 'aria-pressed': String(!hidden.has(at))}, dot, group.name);
      button.addEventListener('click', () => {
        if (!hidden.delete(at)) hidden.add(at);
        button.setAttribute('aria-pressed', String(!hidden.has(at)));
        this.state.set({hide: [...hidden].sort((a, b) => a - b).join(',')});
        apply();
      });
      return make('li', {}, button);
    }));
    apply();
  }
}
