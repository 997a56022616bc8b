/** Remarks below the bars, each a line of nodes: who would win next, and who was left out. */

import {make} from './dom.js';
import {dotted, glyph, inked} from './sprites.js';

/** Who wins once each winner's family is gone. */
export function cascadeLine(texts) {
  const told = texts.slice(1).flatMap((text) => [' ', glyph({text}, 20), ' ']);
  const lead = make('span', {class: 'grey', text: 'with each winner’s family gone, one after the other: '});
  return told.length ? [lead, ...told] : [];
}

/** What was left out because it is in the sum already. */
export function inputsLine(inputs) {
  if (!inputs.length) return [];
  const listed = inputs.map((one) => `${dotted(one.text)} (${one.rank})`).join(', ');
  return [`left out, being in the sum or a variant of it: `, ...inked(listed, 14), '; in brackets their rank'];
}
