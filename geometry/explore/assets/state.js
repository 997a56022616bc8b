/** What is looked at, kept in the page's address so that a reload, a bookmark and the back button find it again. */

export const TABS = ['why', 'phase', 'missing', 'lens'];

const DEFAULTS = {
  head: '', q: '', space: '', among: 'all', tab: 'why', vary: '', map: 'umap', hide: '', find: '', view: '',
  prompt: '', between: ' no, the seahorse emoji is',
};
const CHOICES = {tab: TABS, map: ['umap', 'pca'], among: ['all', 'words', 'emoji']};
const PAUSE = 200; // browsers refuse an address that changes more often than some hundred times in half a minute

/** Read a query string; what is not known in it is left out, what is no choice is the default. */
export function readQuery(query) {
  const given = new URLSearchParams(query);
  const found = {...DEFAULTS};
  for (const key of Object.keys(DEFAULTS)) {
    const value = given.get(key);
    if (value !== null && (!CHOICES[key] || CHOICES[key].includes(value))) found[key] = value;
  }
  return found;
}

/** Write what is not the default as a query string. */
export function writeQuery(values) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value !== DEFAULTS[key]) query.set(key, value);
  const written = query.toString();
  return written ? `?${written}` : '';
}

export class State {
  #values = readQuery(location.search);
  #timer = 0;

  /** @param {() => void} onReturn called when the back or forward button brought other values */
  constructor(onReturn) {
    addEventListener('popstate', () => {
      clearTimeout(this.#timer);
      this.#timer = 0;
      this.#values = readQuery(location.search);
      onReturn();
    });
    addEventListener('pagehide', () => this.#flush());
  }

  get(key) {
    return this.#values[key];
  }

  /**
   * Change values.
   * @param {object} changes
   * @param {{step?: boolean}} [how] `step` makes it one that the back button undoes
   */
  set(changes, {step = false} = {}) {
    const before = writeQuery(this.#values);
    const after = writeQuery({...this.#values, ...changes});
    if (step && before !== after) {
      this.#flush();
      this.#values = {...this.#values, ...changes};
      history.pushState(null, '', location.pathname + after);
      return;
    }
    this.#values = {...this.#values, ...changes};
    if (!this.#timer) this.#timer = setTimeout(() => this.#flush(), PAUSE);
  }

  #flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const query = writeQuery(this.#values);
    if (query !== location.search) history.replaceState(null, '', location.pathname + query);
  }
}
