/** Whether the server is there; when it is not, the page says so and looks for it until it is back. */

import {Away, Refused, ask} from './api.js';

const FIRST = 700;
const LAST = 4000;

export class Connection {
  #banner;
  #again = new Map();
  #looking = false;

  /** @param {HTMLElement} banner shown while nobody answers */
  constructor(banner) {
    this.#banner = banner;
  }

  /**
   * Deal with a question that failed; what is neither refused nor unheard is a mistake of ours and thrown on.
   * @param {Error} error
   * @param {string} subject
   * @param {() => void} again asks it
   * @param {(refused: Refused) => void} onRefused
   */
  failed(error, subject, again, onRefused) {
    if (error instanceof Away) this.lost(subject, again);
    else if (error instanceof Refused) onRefused(error);
    else throw error;
  }

  /**
   * Take note that nobody answered.
   * @param {string} subject what was asked about; of each only the last question is asked again
   * @param {() => void} again asks it
   */
  lost(subject, again) {
    this.#again.set(subject, again);
    this.#banner.hidden = false;
    if (!this.#looking) this.#look();
  }

  async #look() {
    this.#looking = true;
    for (let wait = FIRST; ; wait = Math.min(wait * 1.4, LAST)) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      try {
        await ask('/api/heads');
        break;
      } catch {
        // still away
      }
    }
    this.#looking = false;
    this.#banner.hidden = true;
    const waiting = [...this.#again.values()];
    this.#again.clear();
    for (const again of waiting) again();
  }
}
