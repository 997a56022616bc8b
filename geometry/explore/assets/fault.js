/** What went wrong, in the shell's own line, with the place marked in what was typed. */

import {make, replace} from './dom.js';

/**
 * Show a refusal.
 * @param {HTMLElement} box
 * @param {{message: string, place: ?[number, number]}} refused
 * @param {string} text what was asked; places are counted as strings are counted here
 */
export function showFault(box, refused, text) {
  const line = make('p', {class: 'message'}, make('b', {text: 'error: '}), refused.message);
  replace(box, refused.place ? marked(text, refused.place) : null, line);
  box.hidden = false;
}

/** Take it away. */
export function hideFault(box) {
  if (box.hidden) return;
  replace(box);
  box.hidden = true;
}

function marked(text, [start, length]) {
  const from = Math.min(Math.max(start, 0), text.length);
  const to = Math.min(from + Math.max(length, 1), text.length);
  // past the end there is nothing to underline but the gap itself
  const wrong = text.slice(from, to) || '\u00a0';
  return make('code', {class: 'typed'}, text.slice(0, from), make('mark', {text: wrong}), text.slice(to));
}
