/** The lens: what every layer would say at every position, coloured by how sure it is; arrows walk about. */

import {arrow, make, replace} from './dom.js';
import {chance, clamp, fixed} from './numbers.js';
import {dotted, glyph, inked, nameOf} from './sprites.js';

// ColorBrewer's YlGnBu, as in the lens page of the command line
const RAMP = [[255, 255, 217], [237, 248, 177], [199, 233, 180], [127, 205, 187], [65, 182, 196], [29, 145, 192],
  [34, 94, 168], [37, 52, 148], [8, 29, 88]];

export class LensView {
  #answer = null;
  #cells = [];
  #current = [0, 0];

  /** @param {{table: HTMLElement, cell: HTMLElement}} places */
  constructor(places) {
    this.places = places;
  }

  /** @param {object} answer of /api/lens */
  show(answer) {
    const [place, focused] = [this.#current, this.places.table.contains(document.activeElement)];
    const same = this.#answer === answer;
    this.#answer = answer;
    const layers = answer.cells.length;
    const rows = [];
    this.#cells = [];
    for (let layer = layers - 1; layer >= 0; layer--) {
      const cells = answer.cells[layer].map((top, column) => this.#cell(layer, column, top[0]));
      this.#cells[layer] = cells;
      rows.push(make('tr', {}, make('th', {scope: 'row', text: String(layer)}), ...cells));
    }
    const feet = answer.positions.map((text) => make('th', {scope: 'col'}, ...inked(dotted(text), 17)));
    const table = make('table', {'aria-label': 'first token by layer and position'},
      make('tbody', {}, ...rows), make('tfoot', {}, make('tr', {}, make('th', {text: 'layer'}), ...feet)));
    table.addEventListener('keydown', (event) => this.#walk(event));
    const scroll = make('div', {class: 'scroll', tabindex: -1}, table);
    replace(this.places.table, scroll, scaleLine());
    scroll.scrollLeft = scroll.scrollWidth; // the last position says what comes next
    this.#current = [0, 0];
    if (same) this.#tell(...place);
    else this.#tell(layers - 1, answer.positions.length - 1);
    if (focused) this.#cells[this.#current[0]][this.#current[1]].focus();
  }

  /** Say something instead of a table. */
  none(text) {
    replace(this.places.table, make('p', {class: 'empty', text}));
    replace(this.places.cell);
  }

  #cell(layer, column, first) {
    const told = `layer ${layer}, ${this.#after(column)}: ${first.text.trim()} ${chance(first.probability)}`;
    const cell = make('td', {tabindex: -1, 'aria-label': told},
      glyph(first, 24, ''));
    [cell.style.background, cell.style.color] = colors(first.probability);
    const tell = () => this.#tell(layer, column);
    cell.addEventListener('pointerenter', tell);
    cell.addEventListener('focus', tell);
    return cell;
  }

  #walk(event) {
    const step = arrow(event);
    if (!step) return;
    event.preventDefault();
    const [layer, column] = this.#current;
    this.#cells[clamp(layer - step[1], 0, this.#cells.length - 1)][
      clamp(column + step[0], 0, this.#cells[0].length - 1)].focus();
  }

  #tell(layer, column) {
    const [before, now] = [this.#cells[this.#current[0]]?.[this.#current[1]], this.#cells[layer][column]];
    if (before) before.tabIndex = -1;
    now.tabIndex = 0;
    this.#current = [layer, column];
    const entropy = this.#answer.entropy[layer][column];
    replace(this.places.cell,
      make('p', {}, make('b', {text: `layer ${layer}`}), ` ${this.#after(column)}`,
        make('span', {class: 'grey', text: ` · entropy ${fixed(entropy)} nats`})),
      make('ol', {}, ...this.#answer.cells[layer][column].map(topRow)));
  }

  #after(column) {
    return `after “${dotted(this.#answer.positions[column])}”`;
  }
}

function topRow(one) {
  const fill = make('i');
  fill.style.width = `${100 * one.probability}%`;
  const name = nameOf(one.id);
  const told = name ? make('small', {class: 'grey', text: ` ${name}`}) : null;
  return make('li', {}, make('span', {class: 'what'}, glyph(one, 20, name || undefined), told),
    make('span', {class: 'rail', 'aria-hidden': 'true'}, fill),
    make('span', {class: 'value', text: chance(one.probability)}));
}

function scaleLine() {
  const bar = make('i');
  bar.style.background = `linear-gradient(90deg, ${RAMP.map((stop) => `rgb(${stop})`).join(', ')})`;
  return make('p', {class: 'ramp small grey'}, 'probability of the first token: 0 ', bar, ' 1');
}

/** A probability's colour and the ink that can be read on it. */
function colors(value) {
  if (value === null || !Number.isFinite(value)) return ['var(--soft)', 'var(--ink)'];
  const x = clamp(value, 0, 1) * (RAMP.length - 1);
  const at = Math.min(Math.floor(x), RAMP.length - 2);
  const rgb = RAMP[at].map((low, channel) => Math.round(low + (RAMP[at + 1][channel] - low) * (x - at)));
  const [red, green, blue] = rgb.map((one) => (one / 255) ** 2.2);
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return [`rgb(${rgb})`, luminance < 0.179 ? '#fff' : '#000']; // where both inks contrast alike, 4.6 to 1
}
