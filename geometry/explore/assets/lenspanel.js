/** The tab of the lens: a prompt, what every layer makes of it, and the loop of trying again. */

import {Refused, Subject} from './api.js';
import {copyButtons} from './copy.js';
import {find, make, replace} from './dom.js';
import {hideFault, showFault} from './fault.js';
import {LensView} from './lens.js';
import {LoopView} from './loop.js';

const READS = 'the model reads … the first time it is loaded, which takes some seconds';
const FIRST = ' the seahorse emoji is'; // a word's token begins with its space

export class LensPanel {
  #lens = new Subject('/api/lens');
  #retry = new Subject('/api/retry');
  #view = new LensView({table: find('lens-table'), cell: find('lens-cell')});
  #loop = new LoopView(find('attempts'));
  #answer = null;
  #read = null;
  #key = '';

  /** @param {{state: object, connection: object, heads: Map<string, object>, limits: object}} page */
  constructor(page) {
    this.page = page;
    find('read').addEventListener('submit', (event) => {
      event.preventDefault();
      page.state.set({prompt: find('prompt').value});
      this.read();
    });
    find('loop').addEventListener('click', () => this.again());
    find('between').addEventListener('input', () => page.state.set({between: find('between').value}));
    find('between').maxLength = page.limits.between ?? 120;
    const most = page.limits.steps ?? 8;
    const counts = Array.from({length: most}, (_, at) => String(at + 1));
    replace(find('steps'), ...counts.map((one) => make('option', {value: one, text: one})));
    find('steps').value = String(Math.min(6, most));
    copyButtons(find('copy-lens'), () => this.#answer);
  }

  /** Show what the state asks for, if the tab is looked at. */
  follow() {
    const {state, heads} = this.page;
    if (state.get('tab') !== 'lens') return;
    const head = heads.get(state.get('head'));
    for (const one of find('panel-lens').querySelectorAll('input, select, button')) one.disabled = !head.model;
    if (!head.model) {
      this.#forget(head.model_note || 'There is no model to run here.');
      return;
    }
    if (!state.get('prompt')) state.set({prompt: FIRST});
    find('prompt').value = state.get('prompt');
    find('between').value = state.get('between');
    this.read();
  }

  /** Draw anew: pictures came. */
  redraw() {
    if (this.#read && this.#key) this.#view.show(this.#read);
  }

  /** Read the prompt, unless it was just read. */
  async read() {
    const question = this.#question();
    const key = JSON.stringify(question);
    if (key === this.#key) return;
    if (this.#answer?.head !== question.head) this.#forget(READS);
    this.#key = key;
    this.#loop.clear();
    find('lens-table').classList.add('stale');
    try {
      const answer = await this.#lens.ask({...question, k: 5});
      if (!answer) return;
      [this.#answer, this.#read] = [answer, answer];
      hideFault(find('prompt-fault'));
      this.#view.show(answer);
      replace(find('lens-notes'), ...answer.notes.map((note) => make('li', {text: note})));
      find('lens-table').classList.remove('stale');
    } catch (error) {
      this.#key = '';
      if (error instanceof Refused && !this.#read) this.#view.none('');
      this.#fail(error, 'lens', () => this.read());
    }
  }

  /** Let the model try, and try again. */
  async again() {
    this.#loop.clear('asking …');
    try {
      const between = this.page.state.get('between');
      const answer = await this.#retry.ask({...this.#question(), between, steps: find('steps').value});
      if (!answer) return;
      this.#answer = answer;
      await this.#loop.show(answer);
    } catch (error) {
      this.#loop.clear();
      this.#fail(error, 'retry', () => this.again());
    }
  }

  /** Nothing is read, and why; what another head said is not copied here. */
  #forget(why) {
    this.#key = '';
    [this.#answer, this.#read] = [null, null];
    this.#loop.clear();
    this.#view.none(why);
    hideFault(find('prompt-fault'));
    replace(find('lens-notes'));
  }

  #question() {
    return {head: this.page.state.get('head'), prompt: this.page.state.get('prompt')};
  }

  #fail(error, subject, again) {
    this.page.connection.failed(error, subject, again,
      (refused) => showFault(find('prompt-fault'), refused, this.page.state.get('prompt')));
  }
}
