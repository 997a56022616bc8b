/** Winner and rivals as stacked bars, one colour a term: what each term gave each of them is the why. */

import {make, replace} from './dom.js';
import {amount} from './numbers.js';
import {glyph, isPicture, named} from './sprites.js';

const TERM_COLORS = 7;

/** The CSS colour of a term by its place; after seven they come again. */
export function termColor(index) {
  return `var(--term-${index % TERM_COLORS})`;
}

/** What a term's parts are filled with: where its colour came before, it is striped. */
export function termFill(index) {
  const color = termColor(index);
  return index < TERM_COLORS ? color : `repeating-linear-gradient(45deg, ${color} 0 3px, var(--paper) 3px 5px)`;
}

export class Bars {
  #list;
  #legend;
  #rows = [];

  /**
   * @param {HTMLElement} list an `<ol>`
   * @param {HTMLElement} legend
   * @param {{onHover: (id: number|null) => void, onPick: (id: number) => void}} calls
   */
  constructor(list, legend, calls) {
    this.#list = list;
    this.#legend = legend;
    this.calls = calls;
  }

  /**
   * Show candidates, the winner first.
   * @param {{id: number, text: string, name: string, score: number, by_term: object, by_bias: number}[]} candidates
   * @param {string[]} labels the terms, in the order of their colours
   */
  show(candidates, labels) {
    const parts = candidates.map((one) => partsOf(one, labels));
    const scale = scaleOf(parts);
    this.#fit(candidates.length);
    candidates.forEach((one, at) => this.#rows[at].show(one, parts[at], scale));
    this.#explain(labels, parts);
  }

  /** Draw pictures anew with the next candidates. */
  forget() {
    for (const row of this.#rows) row.forget();
  }

  #fit(rows) {
    while (this.#rows.length < rows) this.#rows.push(new Row(this.#list, this.calls));
    while (this.#rows.length > rows) this.#rows.pop().remove();
  }

  #explain(labels, parts) {
    const biased = parts.some((row) => row.some((part) => part.label === null && part.value !== 0));
    const items = [...labels.map((label, at) => [label, termFill(at)]), ...(biased ? [['bias', 'var(--bias)']] : [])];
    replace(this.#legend, ...items.map(([label, fill]) => {
      const swatch = make('i');
      swatch.style.background = fill;
      return make('li', {title: label}, swatch, label);
    }));
  }
}

class Row {
  #token = null;

  constructor(list, calls) {
    this.face = make('span', {class: 'face'});
    this.zero = make('b', {class: 'zero'});
    this.rail = make('span', {class: 'rail', 'aria-hidden': 'true'}, this.zero);
    this.parts = [];
    this.name = make('span', {class: 'name'});
    this.value = make('span', {class: 'value'});
    this.button = make('button', {
      type: 'button', class: 'row',
      on: {
        click: () => calls.onPick(this.#token.id),
        pointerenter: () => calls.onHover(this.#token.id), pointerleave: () => calls.onHover(null),
        focus: () => calls.onHover(this.#token.id), blur: () => calls.onHover(null),
      },
    }, this.face, this.rail, this.name, this.value);
    this.item = make('li', {}, this.button);
    list.append(this.item);
  }

  forget() {
    this.#token = null;
  }

  show(candidate, parts, scale) {
    if (this.#token?.id !== candidate.id || this.#token.text !== candidate.text) {
      replace(this.face, isPicture(candidate) ? glyph(candidate, 30, '') : null);
    }
    this.#token = candidate;
    this.name.textContent = named(candidate);
    this.value.textContent = amount(candidate.score);
    const told = parts.filter((part) => part.value !== 0)
      .map((part) => `${part.label ?? 'bias'} ${part.value > 0 ? '+' : ''}${amount(part.value)}`);
    this.button.setAttribute('aria-label', `${named(candidate)}, score ${amount(candidate.score)}: ${told.join(', ')}`);
    this.button.title = told.join('   ');
    this.#stack(parts, scale);
  }

  #stack(parts, scale) {
    while (this.parts.length < parts.length) this.parts.push(this.rail.insertBefore(make('i'), this.zero));
    while (this.parts.length > parts.length) this.parts.pop().remove();
    const ends = {above: 0, below: 0};
    parts.forEach((part, at) => {
      const start = part.value >= 0 ? ends.above : (ends.below += part.value);
      if (part.value >= 0) ends.above += part.value;
      const style = this.parts[at].style;
      style.left = `${100 * (start - scale.low) / scale.span}%`;
      style.width = `${100 * Math.abs(part.value) / scale.span}%`;
      style.background = part.fill;
    });
    this.zero.style.left = `${100 * -scale.low / scale.span}%`;
  }

  remove() {
    this.item.remove();
  }
}

function partsOf(candidate, labels) {
  const terms = labels.map((label, at) => ({label, value: candidate.by_term[label] ?? 0, fill: termFill(at)}));
  return [...terms, {label: null, value: candidate.by_bias ?? 0, fill: 'var(--bias)'}];
}

/** One scale for all rows: from the lowest sum of negative parts to the highest of positive ones. */
function scaleOf(parts) {
  const sum = (row, sign) => row.reduce((all, part) => all + (part.value * sign > 0 ? part.value : 0), 0);
  const low = Math.min(0, ...parts.map((row) => sum(row, -1)));
  const high = Math.max(0, ...parts.map((row) => sum(row, 1)));
  return {low, span: high - low || 1};
}
