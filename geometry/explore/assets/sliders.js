/** A slider for each term's weight; double click or Backspace puts back what was typed. */

import {make, replace} from './dom.js';
import {termColor} from './bars.js';
import {clamp, fixed} from './numbers.js';

const REACH = 2;
const STEP = 0.05;

export class Sliders {
  #box;
  #onMove;
  #key = null;
  #rows = [];

  /**
   * @param {HTMLElement} box
   * @param {(weights: number[]) => void} onMove all weights
   */
  constructor(box, onMove) {
    this.#box = box;
    this.#onMove = onMove;
  }

  /**
   * Show terms; those that are the same stay where they are, so that nothing jumps under a finger.
   * @param {{label: string, weight: number}[]} terms with the weights in force
   * @param {number[]} typed the weights as they were written
   * @param {string} key what was typed: another one makes new sliders
   * @param {string[]} labels in the order of their colours; what stands in parentheses has none of its own
   */
  show(terms, typed, key, labels) {
    if (key !== this.#key || terms.length !== this.#rows.length) {
      this.#key = key;
      const color = ({label}) => (labels.includes(label) ? termColor(labels.indexOf(label)) : 'var(--grey)');
      const move = () => this.#onMove(this.weights);
      this.#rows = terms.map((term, at) => new Row(term, typed[at], at, color(term), move));
      replace(this.#box, ...this.#rows.map((row) => row.box));
      return;
    }
    terms.forEach((term, at) => this.#rows[at].take(term.weight));
  }

  get weights() {
    return this.#rows.map((row) => row.weight);
  }
}

class Row {
  #held = false;

  constructor(term, typed, at, color, onMove) {
    const reach = Math.max(REACH, Math.ceil(Math.abs(typed)));
    const id = `weight-${at}`;
    this.typed = typed;
    // the slider itself says its weight to a screen reader
    this.output = make('span', {class: 'value', 'aria-hidden': 'true'});
    this.input = make('input', {type: 'range', id, min: -reach, max: reach, step: STEP, list: null,
      title: 'double click or Backspace: as typed'});
    this.input.style.setProperty('--color', color);
    this.share = (value) => `${(100 * (clamp(value, -reach, reach) + reach)) / (2 * reach)}%`;
    const label = make('label', {for: id, text: term.label, title: term.label});
    this.box = make('div', {class: 'slider'}, label, this.input, this.output);
    this.#write(term.weight);
    const move = () => { this.#tell(); onMove(); };
    this.input.addEventListener('input', () => { this.#held = true; this.own = null; move(); });
    this.input.addEventListener('change', () => { this.#held = false; });
    this.input.addEventListener('dblclick', () => { this.#write(this.typed); move(); });
    this.input.addEventListener('keydown', (event) => {
      if (event.key !== 'Backspace' && event.key !== 'Delete') return;
      event.preventDefault();
      this.#write(this.typed);
      move();
    });
  }

  /** The slider's weight; what was typed to more decimals than a slider has is kept until it is moved. */
  get weight() {
    return this.own ?? Number(this.input.value);
  }

  take(weight) {
    if (!this.#held) this.#write(weight);
  }

  #write(weight) {
    this.own = weight;
    this.input.value = String(clamp(weight, Number(this.input.min), Number(this.input.max)));
    this.#tell();
  }

  #tell() {
    const [at, zero] = [this.share(this.weight), this.share(0)];
    this.input.style.setProperty('--from', this.weight < 0 ? at : zero);
    this.input.style.setProperty('--to', this.weight < 0 ? zero : at);
    this.output.textContent = fixed(this.weight);
    this.input.setAttribute('aria-valuetext', fixed(this.weight));
  }
}
