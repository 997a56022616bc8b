/** Parts of a phase diagram's picture: outlines, the emoji of a region, the names along its edges. */

import {make} from './dom.js';
import {clamp, fixed} from './numbers.js';
import {dotted, glyph, isPicture} from './sprites.js';

const LEAST = 7; // a region whose deepest point is nearer to its edge has no room for a picture
const RING = 24; // a name that is nearer to the ring would be hidden by it

/** An SVG path through points and back. */
export function outlinePath(points) {
  return `M${points.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join('L')}Z`;
}

/**
 * A region's token at its deepest point, as large as there is room; null where there is none.
 * @param {{id: number, text: string, point: [number, number], depth: number}} region
 * @param {[number, number]} size of the picture
 * @param {?[number, number]} ring where the sum is; a name stands above or below it
 */
export function regionGlyph(region, [width, height], ring) {
  const {point, depth} = region;
  if (depth < LEAST) return null;
  const picture = isPicture(region);
  const room = picture ? clamp(depth * 1.15, 12, 56) : clamp((depth * 3.2) / dotted(region.text).length, 0, 17);
  if (!picture && room < 8) return null;
  const shown = make('span', {class: 'at'}, glyph(region, room, ''));
  shown.style.left = `${(100 * point[0]) / width}%`;
  const hidden = !picture && ring && Math.abs(point[0] - ring[0]) < 2 * RING && Math.abs(point[1] - ring[1]) < RING;
  const down = hidden ? ring[1] + (point[1] < ring[1] ? -RING : RING) : point[1];
  shown.style.top = `${(100 * down) / height}%`;
  if (!picture) shown.style.fontSize = `${room}px`;
  return shown;
}

/** The names of what varies, and a square's scales. */
export function axes(phase) {
  if (phase.shape === 'ternary') {
    return ['left', 'right', 'top'].map((corner, at) =>
      make('span', {class: `corner ${corner}`, text: phase.terms[at]}));
  }
  const ends = phase.window.map((value) => make('small', {text: fixed(value, Number.isInteger(value) ? 0 : 1)}));
  const scale = (name, term) => make('span', {class: name}, ends[0].cloneNode(true),
    make('span', {text: `weight of ${term}`}), ends[1].cloneNode(true));
  return [scale('below', phase.terms[0]), scale('beside', phase.terms[1])];
}
