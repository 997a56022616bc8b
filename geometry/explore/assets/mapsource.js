/** Maps from the server, each asked for once. */

import {NOT_YET, Subject} from './api.js';

export class MapSource {
  #subject = new Subject('/api/map');
  #known = new Map();

  /**
   * A map's data, NOT_YET while it is being drawn, or null where another was asked for meanwhile.
   * @param {string} head
   * @param {string} space
   * @param {'umap'|'pca'} method
   */
  async get(head, space, method) {
    const key = [head, space, method].join(' ');
    if (this.#known.has(key)) return this.#known.get(key);
    const answer = await this.#subject.ask({head, space, method});
    if (answer !== null && answer !== NOT_YET) this.#known.set(key, answer);
    return answer;
  }
}
