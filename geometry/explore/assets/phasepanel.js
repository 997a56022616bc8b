/** The tab of the phase diagram: what it varies, when it is asked for anew, and the weights its ring stands for. */

import {Subject} from './api.js';
import {find, make, replace} from './dom.js';
import {PhaseView} from './phase.js';

export class PhasePanel {
  #subject = new Subject('/api/phase');
  #view;
  #answer = null;
  #phase = null;
  #drawn = '';
  /** The last answer of /api/phase. */
  answer = null;

  /**
   * @param {{state: object, connection: object}} page
   * @param {(weights: number[]) => void} onMove weights of all sliders
   */
  constructor(page, onMove) {
    this.page = page;
    this.onMove = onMove;
    this.#view = new PhaseView({stage: find('phase-stage'), hover: find('phase-hover'), list: find('phase-list')},
      (point) => this.#move(point));
    find('vary').addEventListener('change', () => {
      page.state.set({vary: find('vary').value});
      this.follow();
    });
  }

  /** Take another answer: the ring moves at once, the regions follow when the sum rests. */
  sum(answer) {
    this.#answer = answer;
    if (this.#phase) this.#view.point(this.#place());
  }

  /** Ask for the diagram if it is looked at and is another by now. */
  async follow() {
    if (this.page.state.get('tab') !== 'phase' || !this.#answer || this.#view.dragging) return;
    this.#offer();
    const {state} = this.page;
    const vary = state.get('vary');
    const question = {head: state.get('head'), q: this.#answer.expression, space: state.get('space'),
      among: state.get('among'), vary};
    const key = this.#fixed(question);
    if (key === this.#drawn) return;
    try {
      const found = await this.#subject.ask(question);
      if (!found) return;
      this.#drawn = key;
      this.answer = found;
      this.#phase = found.phase;
      if (found.phase) this.#view.show(found.phase, this.#places(found.phase.terms) !== null);
      else this.#view.none(found.reason);
    } catch (error) {
      this.page.connection.failed(error, 'phase', () => this.follow(), (refused) => this.#view.none(refused.message));
    }
  }

  /** Draw anew: pictures came. */
  redraw() {
    this.#view.repaint();
  }

  /** What the diagram depends on: all but the weights that it shows, of which the signs count in a triangle. */
  #fixed(question) {
    const varied = this.#varied(question.vary);
    const weights = this.#answer.sliders.map((one) => {
      if (!varied.includes(one.label)) return `${one.weight}*${one.label}`;
      return `${varied.length === 3 && one.weight < 0 ? '-' : ''}${one.label}`;
    });
    const window = varied.length === 2 ? this.#answer.sliders.filter((one) => varied.includes(one.label))
      .map((one) => Math.max(Math.abs(one.weight), 2)) : [];
    return JSON.stringify([{...question, q: ''}, weights, window]);
  }

  #varied(vary) {
    return vary ? vary.split(',') : [...new Set(this.#answer.terms.map((term) => term.label))];
  }

  /** Offer what can vary: all of two or three terms, or any two. */
  #offer() {
    // a comma stands between labels in the address
    const labels = this.#varied('').filter((label) => !label.includes(','));
    const pairs = labels.flatMap((one, at) => labels.slice(at + 1).map((other) => [one, other]));
    const all = labels.length === 2 || labels.length === 3 ? [['', labels.join(', ')]] : [['', 'choose two terms']];
    const options = [...all, ...(labels.length === 2 ? [] : pairs.map((pair) => [pair.join(','), pair.join(' and ')]))];
    const known = options.some(([value]) => value === this.page.state.get('vary'));
    if (!known) this.page.state.set({vary: ''});
    replace(find('vary'), ...options.map(([value, text]) => make('option', {value, text})));
    find('vary').value = this.page.state.get('vary');
  }

  /** The sliders that a diagram's terms are, or null where one term is in several or within parentheses. */
  #places(terms) {
    const places = terms.map((term) => {
      const label = this.#bare(term);
      const once = this.#answer.terms.filter((one) => one.label === label).length === 1;
      return once ? this.#answer.sliders.findIndex((one) => one.label === label) : -1;
    });
    return places.includes(-1) ? null : places;
  }

  #bare(term) {
    return this.#phase.shape === 'ternary' ? term.replace(/^-/, '') : term;
  }

  /** Where the sum is now; null where it cannot be told. */
  #place() {
    const places = this.#places(this.#phase.terms);
    if (!places) return this.#phase.at;
    const weights = places.map((at) => this.#answer.sliders[at].weight);
    if (this.#phase.shape !== 'ternary') return weights;
    const signs = this.#phase.terms.map((term, at) => (term !== this.#bare(term) ? -1 : 1) * weights[at]);
    return signs.every((one) => one >= 0) && signs.some((one) => one > 0) ? signs : null;
  }

  #move(point) {
    const places = this.#places(this.#phase.terms);
    if (!places) return;
    const weights = this.#answer.sliders.map((one) => one.weight);
    const ternary = this.#phase.shape === 'ternary';
    // proportions alone count; the weights keep the sum that they had
    const total = ternary ? places.reduce((all, at) => all + Math.abs(weights[at]), 0) : 1;
    places.forEach((at, term) => {
      const sign = ternary && this.#phase.terms[term] !== this.#bare(this.#phase.terms[term]) ? -1 : 1;
      weights[at] = Number((sign * total * point[term]).toFixed(3)) || 0;
    });
    this.onMove(weights);
  }
}
