/** The try-again loop: attempt after attempt, shown one by one. */

import {make, replace, still} from './dom.js';
import {chance, fixed} from './numbers.js';
import {glyph, inked} from './sprites.js';

const PAUSE = 650;

export class LoopView {
  #list;
  #number = 0;

  constructor(list) {
    this.#list = list;
  }

  /** Show attempts one after the other; a newer answer stops an older one. */
  async show(answer) {
    const number = ++this.#number;
    replace(this.#list);
    for (const one of answer.attempts) {
      if (number !== this.#number) return;
      this.#list.append(attempt(one));
      if (!still()) await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  clear(text = '') {
    this.#number += 1;
    replace(this.#list, text ? make('li', {class: 'grey', text}) : null);
  }
}

function attempt(one) {
  const said = one.emoji;
  const picture = said ? glyph(said, 44, said.name) : make('span', {class: 'nothing', text: '–'});
  const moved = one.moved ? ` · turned ${fixed(one.moved.degrees, 1)}° from the last try` : '';
  const wrote = [one.text, said?.text ?? '', one.behind].join('');
  const more = wrote.trim() && wrote.trim() !== said?.text;
  return make('li', {},
    make('span', {class: 'number', text: String(one.step)}), picture,
    make('div', {},
      make('p', {}, make('b', {text: said?.name ?? 'no emoji'}),
        make('span', {class: 'grey', text: ` · P ${chance(one.probability)}${moved}`})),
      more ? make('p', {class: 'small grey'}, 'wrote ', ...inked(`“${wrote}”`, 15)) : null,
      one.ended ? make('p', {class: 'end', text: one.ended}) : null));
}
