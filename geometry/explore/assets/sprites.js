/** How tokens are shown: emoji as pictures from the server's sheet, so that no font is needed, words as text. */

import {make} from './dom.js';

const SELECTORS = /[\uFE0E\uFE0F]/gu;
const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20E3/u;

let sheet = {url: '', columns: 1, rows: 1, byId: new Map(), byText: new Map(), byName: new Map()};

/**
 * Take the sheet of a head.
 * @param {string} url where the picture is
 * @param {{columns: number, count: number}} atlas
 * @param {{id: number[], text: string[], name: string[], sprite: number[]}} points of the map
 */
export function useSheet(url, atlas, points) {
  const columns = atlas.columns;
  const rows = Math.max(Math.ceil(atlas.count / columns), 1);
  sheet = {url, columns, rows, byId: new Map(), byText: new Map(), byName: new Map()};
  points.id.forEach((id, at) => {
    sheet.byName.set(id, points.name[at]);
    if (points.sprite[at] < 0) return;
    sheet.byId.set(id, points.sprite[at]);
    sheet.byText.set(bare(points.text[at]), points.sprite[at]);
  });
}

/** An emoji's name, or an empty text. */
export function nameOf(id) {
  return sheet.byName.get(id) ?? '';
}

/** A token's name for people: an emoji's own, or the token with quotes. */
export function named(token) {
  return token.name || nameOf(token.id) || `“${token.text.trim() || token.text}”`;
}

/** Whether a token is drawn rather than written. */
export function isPicture(token) {
  return numberOf(token) !== undefined || EMOJI.test(token.text);
}

/**
 * Draw a token: an emoji as its picture, anything else as its text with a leading space as a dot.
 * @param {{id?: number, text: string}} token
 * @param {number} side of the picture, in CSS pixels
 * @param {string} [label] what a screen reader says; the text itself by default, nothing where it is empty
 */
export function glyph(token, side, label) {
  const number = numberOf(token);
  if (number === undefined) return written(token.text, side);
  const said = label ?? token.text.trim();
  const heard = said ? {role: 'img', 'aria-label': said} : {'aria-hidden': 'true'};
  const picture = make('span', {class: 'sprite', ...heard});
  const [column, row] = [number % sheet.columns, Math.floor(number / sheet.columns)];
  picture.style.width = picture.style.height = `${side}px`;
  picture.style.backgroundImage = `url("${sheet.url}")`;
  picture.style.backgroundSize = `${sheet.columns * side}px ${sheet.rows * side}px`;
  picture.style.backgroundPosition = `${-column * side}px ${-row * side}px`;
  return picture;
}

/** A token's text as it is printed: `·walrus`. */
export function dotted(text) {
  return text.startsWith(' ') && text.length > 1 ? `·${text.slice(1)}` : text;
}

/** Text with every emoji of the sheet drawn in it. */
export function inked(text, side = 18) {
  const pieces = [...new Intl.Segmenter('en', {granularity: 'grapheme'}).segment(text)].map((one) => one.segment);
  const parts = [];
  for (const piece of pieces) {
    const isEmoji = EMOJI.test(piece) && (sheet.byText.has(bare(piece)) || /\p{Emoji_Presentation}/u.test(piece));
    if (isEmoji) parts.push(glyph({text: piece}, side));
    else if (typeof parts.at(-1) === 'string') parts[parts.length - 1] += piece;
    else parts.push(piece);
  }
  return parts;
}

function numberOf(token) {
  return sheet.byId.get(token.id) ?? sheet.byText.get(bare(token.text));
}

function written(text, side) {
  if (!EMOJI.test(text)) return make('span', {class: 'token', text: dotted(text)});
  const shown = make('span', {class: 'token emoji', text: text.trim()});
  shown.style.fontSize = `${Math.round(side * 0.8)}px`;
  return shown;
}

function bare(text) {
  return text.replace(/^ /, '').replace(SELECTORS, '');
}
