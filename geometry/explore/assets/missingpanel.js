/** The tab of the missing emoji, and its ghost on the map: asked for when a sum has rested a while. */

import {Subject} from './api.js';
import {find} from './dom.js';
import {missingIsComing, showMissing} from './missing.js';

export class MissingPanel {
  #subject = new Subject('/api/vacancy');
  #box = find('panel-missing');
  #shown = '';
  /** The last answer of /api/vacancy. */
  answer = null;

  /** @param {{state: object, map: object, connection: object}} page */
  constructor(page) {
    this.page = page;
  }

  /** What is shown is of another sum, or has no place on the map that is shown now. */
  forget() {
    this.#shown = '';
    this.#box.classList.add('stale');
    this.page.map.haunt(null);
  }

  /** Ask for the emoji that a sum's words would have, unless it is shown. */
  async follow(sum) {
    const {state, map, connection} = this.page;
    const asked = {head: state.get('head'), q: sum.expression, space: state.get('space')};
    const key = Object.values(asked).join('\n');
    if (key === this.#shown) return;
    this.#shown = key;
    if (!this.#box.hasChildNodes()) missingIsComing(this.#box);
    try {
      const found = await this.#subject.ask(asked);
      if (!found) return;
      this.answer = found;
      this.#show(found);
      map.haunt(found.vacancy ? found : null);
    } catch (error) {
      this.#shown = '';
      connection.failed(error, 'vacancy', () => this.follow(sum),
        (refused) => this.#show({vacancy: null, reason: refused.message}));
    }
  }

  #show(found) {
    this.#box.classList.remove('stale');
    showMissing(this.#box, found);
  }
}
