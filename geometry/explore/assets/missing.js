/** The emoji that is not there: the row its name would have, whether it would win, and what saying so is worth. */

import {make, replace} from './dom.js';
import {count, fixed, percent, signed} from './numbers.js';
import {glyph} from './sprites.js';

/**
 * Show a vacancy beside its controls.
 * @param {HTMLElement} box
 * @param {object} answer of /api/vacancy
 */
export function showMissing(box, answer) {
  const told = answer.vacancy;
  if (!told) {
    replace(box, make('p', {class: 'empty', text: answer.reason}));
    return;
  }
  replace(box,
    make('p', {class: 'lead'}, 'The row that ', make('b', {text: told.name}), ' would have, were there an emoji; ',
      `guessed to be among ${told.group}.`),
    make('h2', {text: 'Would it win its own sum?'}),
    chances(told),
    make('p', {class: 'caution', text: caution(told)}),
    make('h2', {text: 'How well names tell rows on this head'}),
    facts(told),
    make('h2', {text: 'Nearest to it today'}),
    nearest(answer.nearest ?? told.nearest));
}

/** Say that it is being worked out. */
export function missingIsComing(box) {
  replace(box, make('p', {class: 'empty', text: 'fitting names to the rows of all emoji …'}));
}

/** P(win) of the name, of existing emoji and of nonsense, on one axis from 0 to 1. */
function chances(told) {
  const rows = [
    chanceRow('this name', told.p_win, null, 'own', fixed(told.p_win)),
    chanceRow('existing emoji, mean', told.reliability.predicted, null, 'other', fixed(told.reliability.predicted)),
    chanceRow('… of them really win', told.reliability.observed, null, 'real', percent(told.reliability.observed)),
  ];
  const nonsense = told.nonsense;
  if (nonsense) {
    const spread = `${fixed(nonsense.mean)} [${fixed(nonsense.low)} ${fixed(nonsense.high)}]`;
    rows.push(chanceRow(`${nonsense.n} nonsense names`, nonsense.mean, [nonsense.low, nonsense.high], 'other', spread));
  }
  return make('ul', {class: 'chances', 'aria-label': 'P(win), from 0 to 1'}, ...rows);
}

function chanceRow(label, value, range, kind, written) {
  const dot = make('i', {class: `dot ${kind}`});
  dot.style.left = `${100 * value}%`;
  const rail = make('span', {class: 'axis', 'aria-hidden': 'true'}, dot);
  if (range) {
    const band = make('i', {class: 'band'});
    band.style.left = `${100 * range[0]}%`;
    band.style.width = `${100 * (range[1] - range[0])}%`;
    rail.prepend(band);
  }
  return make('li', {}, make('span', {text: label}), rail, make('span', {class: 'value', text: written}));
}

function caution(told) {
  const {brier, brier_base: base, observed} = told.reliability;
  const worth = brier < base ? `better than always saying ${fixed(observed)} (${fixed(base, 3)})`
    : `no better than always saying ${fixed(observed)} (${fixed(base, 3)})`;
  const others = told.nonsense ? ` ${percent(told.nonsense.reach)} of the nonsense names reach this name’s.` : '';
  return 'P(win) ranks nothing by itself: a row made from a name is likely to win that name’s sum. '
    + `Its error (Brier) on emoji that exist is ${fixed(brier, 3)}, ${worth}.${others}`;
}

function facts(told) {
  const [r2, shuffled, hull] = [told.r2, told.r2_shuffled, told.hull];
  const rows = [
    ['R², each family held out',
      `${fixed(r2.value, 3)} [${fixed(r2.low, 3)} ${fixed(r2.high, 3)}] over ${count(told.n)} emoji`],
    ['… with the names shuffled',
      `${fixed(shuffled.mean, 3)}, at most ${fixed(shuffled.highest, 3)} (p ${told.p_shuffled.toPrecision(2)})`],
    ['length of the row', `${fixed(told.length)}; median emoji ${fixed(told.median_length)}`],
  ];
  if (hull) {
    const among = [`percentile ${Math.round(hull.percentile_emoji)} of ${hull.emoji} emoji`,
      `${Math.round(hull.percentile_random)} of ${hull.random} random rows`];
    rows.push(['λ, out of the hull of all rows', `${signed(hull.value, 3)}: ${among.join(', ')}`]);
  }
  return make('dl', {class: 'facts'},
    ...rows.flatMap(([what, value]) => [make('dt', {text: what}), make('dd', {text: value})]));
}

function nearest(list) {
  return make('ol', {class: 'near'}, ...list.map((one) =>
    make('li', {}, glyph(one, 26), make('small', {text: fixed(one.similarity ?? one.cosine_similarity)}))));
}
