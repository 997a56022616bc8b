/** The winner, large, and in one line by how much it wins. */

import {make, replace} from './dom.js';
import {amount, bytes, chance} from './numbers.js';
import {glyph, isPicture, named} from './sprites.js';

const SIDE = 96;

export class WinnerCard {
  #shown = null;

  /** @param {{face: HTMLElement, name: HTMLElement, lead: HTMLElement, facts: HTMLElement}} places */
  constructor(places) {
    this.places = places;
  }

  /** @param {object} answer of /api/land */
  show(answer) {
    const {face, name, lead, facts} = this.places;
    const winner = answer.winner;
    const picture = isPicture(winner);
    const told = named(winner);
    if (this.#shown !== winner.id) {
      face.hidden = !picture;
      face.parentElement.classList.toggle('worded', !picture);
      replace(face, picture ? glyph(winner, SIDE, '') : '');
      // said by a screen reader, so only when it is another
      name.textContent = told;
      this.#shown = winner.id;
    }
    const next = answer.rivals[0];
    replace(lead, ...(next ? ['wins by ', make('b', {text: amount(next.margin)}), ' over ',
      isPicture(next) ? glyph(next, 20, '') : null, ` ${named(next)}`].filter(Boolean) : ['the only token in play']));
    const what = picture ? bytes(winner.bytes ?? '') : (winner.kind ?? '');
    const likely = winner.probability === null ? '' : `P ${chance(winner.probability)}`;
    const parts = [`score ${amount(winner.score)}`, likely, what, `#${winner.id}`];
    facts.title = 'P: its probability among all tokens, those in the sum included';
    facts.textContent = parts.filter(Boolean).join(' · ');
  }

  /** Draw everything anew: the pictures came, or others did. */
  forget() {
    this.#shown = null;
  }
}
