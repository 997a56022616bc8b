/** What the map's pointer is on, told below the map so that nothing is covered. */

import {make, replace} from './dom.js';
import {bytes, fixed} from './numbers.js';
import {dotted, glyph} from './sprites.js';

const NEAREST = 10;

export class MapStrip {
  picked = null;
  #box;

  constructor(box) {
    this.#box = box;
  }

  /** Keep a point until another is picked; null lets go. */
  pick(data, at) {
    this.picked = at;
    this.show(data, at);
  }

  /** Show a point of the map, or the hint. */
  show(data, at) {
    if (at === null) {
      this.hint('Point at an emoji to see what it is near to; click it to keep it.');
      return;
    }
    const points = data.points;
    const token = (place) => ({id: points.id[place], text: points.text[place]});
    const near = points.nearest[at].slice(0, NEAREST).map((other, rank) =>
      make('li', {title: points.name[other]}, glyph(token(other), 22, points.name[other]),
        make('small', {text: fixed(points.similarity[at][rank])})));
    const facts = [points.bytes[at] && bytes(points.bytes[at]), `#${points.id[at]}`, `length ${fixed(points.norm[at])}`,
      data.groups[points.group[at]].name];
    replace(this.#box,
      make('span', {class: 'big'}, glyph(token(at), 44, '')),
      make('div', {class: 'what'}, make('b', {text: points.name[at] || dotted(points.text[at])}),
        make('small', {class: 'grey', text: facts.filter(Boolean).join(' · ')})),
      make('ol', {class: 'near', 'aria-label': 'nearest in full dimension, by cosine similarity'}, ...near));
  }

  /** Say something instead. */
  hint(text) {
    replace(this.#box, make('span', {class: 'grey small', text}));
  }
}
