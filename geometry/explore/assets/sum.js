/** The sum that is typed: where it lands and why, its sliders, its phase diagram, the emoji that is not there. */

import {Subject} from './api.js';
import {Bars} from './bars.js';
import {copyButtons} from './copy.js';
import {debounced, find, make, replace} from './dom.js';
import {hideFault, showFault} from './fault.js';
import {MissingPanel} from './missingpanel.js';
import {PhasePanel} from './phasepanel.js';
import {cascadeLine, inputsLine} from './remarks.js';
import {Sliders} from './sliders.js';
import {inked} from './sprites.js';
import {WinnerCard} from './winner.js';

const TYPING = 60;
const PAUSING = 150;
const RESTING = 500;
const SLOW = 250;
const HALF = 400; // a sum is wrong at every sign that is typed, until its next word is there
const BUSY = new Set([429, 503]);

export class Sum {
  #answer = null;
  #typed = '';
  #weights = null;
  #written = [];
  #land = new Subject('/api/land');
  #asking = 0;
  #faulty = 0;

  /**
   * @param {{state: object, map: object, connection: object}} page
   */
  constructor(page) {
    this.page = page;
    this.input = find('expression');
    this.card = new WinnerCard({face: find('face'), name: find('winner'), lead: find('lead'), facts: find('facts')});
    this.bars = new Bars(find('bars'), find('legend'), {
      onHover: (id) => page.map.mark(id), onPick: (id) => page.map.go(id),
    });
    this.sliders = new Sliders(find('sliders'), (weights) => this.reweigh(weights));
    this.phase = new PhasePanel(page, (weights) => this.reweigh(weights));
    copyButtons(find('copy-sum'), () => this.#copied());
    const typing = debounced(() => this.ask(), TYPING);
    this.input.addEventListener('input', () => { this.#type(this.input.value); typing(); });
    find('ask').addEventListener('submit', (event) => { event.preventDefault(); this.ask(); });
    this.pause = debounced(() => this.phase.follow(), PAUSING);
    this.missing = new MissingPanel(page);
    this.rest = debounced(() => { if (this.#answer) this.missing.follow(this.#answer); }, RESTING);
  }

  /** Take the expression from the state, as after a reload. */
  restore() {
    this.input.value = this.page.state.get('q');
    this.#type(this.input.value);
    this.ask();
  }

  /** Type for the reader: an example. */
  offer(expression) {
    this.input.value = expression;
    this.#type(expression);
    this.ask();
    this.input.focus();
  }

  /** Give the terms other weights. */
  reweigh(weights) {
    this.#weights = weights;
    this.ask({patient: true});
  }

  /** Ask where the sum lands. */
  async ask({patient = false} = {}) {
    if (!this.#typed.trim()) {
      this.#empty();
      return;
    }
    const slow = setTimeout(() => find('ask').classList.add('busy'), SLOW);
    this.#asking += 1;
    try {
      const answer = await this.#land.ask(this.#question(), {patient});
      if (answer) this.#show(answer);
    } catch (error) {
      this.page.connection.failed(error, 'land', () => this.ask(), (refused) => this.#refused(refused));
    } finally {
      clearTimeout(slow);
      this.#asking -= 1;
      if (!this.#asking) find('ask').classList.remove('busy');
    }
  }

  /** Draw anew what holds pictures of emoji, and find the sum's place on a map that was not there before. */
  redraw() {
    this.card.forget();
    this.bars.forget();
    if (!this.#answer) return;
    this.#show(this.#answer);
    if (this.#answer.composite[this.page.map.method]) return;
    this.missing.forget();
    this.ask();
  }

  /** The answer that is looked at, with its command and its Python. */
  #copied() {
    const {state} = this.page;
    const looked = {phase: this.phase.answer, missing: this.missing.answer}[state.get('tab')];
    return looked?.command && looked.expression === this.#answer?.expression ? looked : this.#answer;
  }

  #type(text) {
    this.#typed = text;
    this.#weights = null;
    this.page.state.set({q: text.trim()});
  }

  #question() {
    const {state} = this.page;
    return {head: state.get('head'), q: this.#typed, space: state.get('space'), among: state.get('among'),
      weights: this.#weights?.map((one) => Number(one.toFixed(6))).join(',')};
  }

  #show(answer) {
    const another = answer.given !== this.#answer?.given || answer.head !== this.#answer?.head;
    this.#answer = answer;
    if (another || !this.#weights) this.#written = answer.sliders.map((one) => one.weight);
    this.#rightly();
    find('hello').hidden = true;
    find('card').classList.remove('stale');
    this.page.onAnswer(answer);
    this.page.state.set({q: this.#weights ? answer.expression : answer.given.trim()});
    if (this.#weights && document.activeElement !== this.input) this.input.value = answer.expression;
    const labels = labelsOf(answer);
    this.card.show(answer);
    this.bars.show([answer.winner, ...answer.rivals], labels);
    // an answer to where a slider or the ring was a moment ago does not move it back
    if (!this.#weights || this.#weights.every((one, at) => Math.abs(one - answer.sliders[at].weight) < 1e-5)) {
      this.sliders.show(answer.sliders, this.#written, `${answer.head} ${answer.given}`, labels);
      this.phase.sum(answer);
    }
    replace(find('cascade'), ...cascadeLine(answer.cascade));
    replace(find('inputs'), ...inputsLine(answer.inputs));
    replace(find('notes'), ...answer.notes.map((note) => make('li', {}, ...inked(note, 15))));
    this.page.map.place(answer);
    if (another) this.missing.forget();
    this.pause();
    this.rest();
  }

  #empty() {
    this.#land.stop();
    this.#answer = null;
    this.#rightly();
    find('hello').hidden = false;
    this.page.onAnswer(null);
    this.page.map.place(null);
    this.page.map.haunt(null);
  }

  #refused(refused) {
    if (BUSY.has(refused.status)) setTimeout(() => this.ask(), 1000);
    // what another head answered says nothing here
    if (this.#answer?.head !== this.page.state.get('head')) this.#empty();
    find('card').classList.add('stale');
    const typed = this.#typed;
    const halfway = find('fault').hidden && this.#answer !== null && document.activeElement === this.input;
    clearTimeout(this.#faulty);
    this.#faulty = setTimeout(() => showFault(find('fault'), refused, typed), halfway ? HALF : 0);
  }

  #rightly() {
    clearTimeout(this.#faulty);
    hideFault(find('fault'));
  }
}

/** The labels of a sum's terms, each once, in the order of their colours. */
function labelsOf(answer) {
  const labels = [];
  for (const term of answer.terms) labels[term.color] = term.label;
  return labels;
}
