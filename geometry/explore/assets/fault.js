/** What went wrong, in the shell's own line, with the place marked in what was typed. */

import {make, replace} from './dom.js';

/**
 * Show a refusal.
 * @param {HTMLElement} box
 * @param {{message: string, place: ?[number, number]}} refused
 * @param {string} text what was asked; places are counted in code points
 */
export function showFault(box, refused, text) {
  const line = make('p', {class: 'message'}, make('b', {text: 'error: '}), refused.message);
  replace(box, refused.place ? marked([...text], refused.place) : null, line);
  box.hidden = false;
}

/** Take it away. */
export function hideFault(box) {
  if (box.hidden) return;
  replace(box);
  box.hidden = true;
}

function marked(points, [start, length]) {
  const from = Math.min(Math.max(start, 0), points.length);
  const to = Math.min(from + Math.max(length, 1), points.length);
  const text = (first, end) => points.slice(first, end).join('');
  // past the end there is nothing to underline but the gap itself
  return make('code', {class: 'typed'}, text(0, from), make('mark', {text: text(from, to) || '\u00a0'}), text(to));
}
