/** The phase diagram: which token wins where as weights move; the ring is the sum, and can be dragged. */

import {arrow, draw, framed, make, replace} from './dom.js';
import {percent} from './numbers.js';
import {Cells} from './phasecells.js';
import {axes, outlinePath, regionGlyph} from './phaseparts.js';
import {Plane, SIDE, Triangle} from './phaseplane.js';
import {deepest, inside} from './polygons.js';
import {glyph, named} from './sprites.js';

const LISTED = 10;

export class PhaseView {
  #plane = null;
  #regions = [];
  #told = [];
  #remarks = [];
  #cells = null;
  #at = null;
  #movable = false;
  /** Whether the ring is being dragged. */
  dragging = false;

  /**
   * @param {{stage: HTMLElement, hover: HTMLElement, list: HTMLElement}} places
   * @param {(weights: number[]) => void} onMove two weights, or three proportions
   */
  constructor(places, onMove) {
    this.places = places;
    this.onMove = framed(onMove);
  }

  /**
   * Draw a diagram.
   * @param {object} phase of /api/phase
   * @param {boolean} movable whether the ring's weights are those of sliders
   */
  show(phase, movable) {
    this.#movable = movable;
    this.#plane = phase.shape === 'ternary' ? new Triangle() : new Plane(phase.window);
    this.#cells = phase.grid ? new Cells(phase.grid, this.#plane, phase.window) : null;
    this.#regions = this.#cells ? this.#inCells(phase) : this.#inPolygons(phase);
    this.#at = phase.at;
    this.#draw(phase);
    this.#told = phase.regions;
    this.#remarks = [phase.exact ? '' : `read off a grid, step ${phase.grid_step.toPrecision(2)}`, phase.degenerate];
    this.#list();
    this.#name(null);
  }

  /** Draw the pictures anew; the ring stays in the hand that may hold it. */
  repaint() {
    if (!this.#plane) return;
    replace(this.glyphs, ...this.#glyphs());
    this.#list();
  }

  /** Say why there is nothing to draw. */
  none(reason) {
    this.#plane = null;
    this.#regions = [];
    replace(this.places.stage, make('p', {class: 'empty', text: reason}));
    replace(this.places.list);
    this.places.hover.textContent = '';
  }

  /** Move the ring, as when a slider moved it. */
  point(at) {
    if (!this.#plane || !this.ring || !at) return;
    this.#at = at;
    const [x, y] = this.#plane.place(at);
    this.ring.setAttribute('transform', `translate(${x.toFixed(2)} ${y.toFixed(2)})`);
  }

  #inPolygons(phase) {
    return phase.regions.filter((one) => one.polygon?.length > 2).map((one) => {
      const outline = one.polygon.map((corner) => this.#plane.place(corner));
      return {...one, outline, ...deepest(outline)};
    });
  }

  #inCells(phase) {
    const found = this.#cells.depths(phase.regions.length);
    return phase.regions.map((one, at) => ({...one, ...found[at]}));
  }

  #draw(phase) {
    const [width, height] = this.#plane.size;
    const viewBox = `-1 -1 ${width + 2} ${height + 2}`;
    const regions = draw('svg', {viewBox, 'aria-hidden': 'true'}, ...this.#shapes(), ...this.#frame(phase));
    const hadFocus = this.ring !== undefined && document.activeElement === this.ring;
    this.ring = phase.at ? this.#ring(phase) : undefined;
    // over the pictures, so that the ring is never hidden by one
    this.svg = draw('svg', {viewBox, class: 'diagram', role: 'group',
      'aria-label': `Which token wins over the weights of ${phase.terms.join(', ')}`}, this.ring);
    this.glyphs = make('div', {class: 'glyphs', 'aria-hidden': 'true'}, ...this.#glyphs());
    const cells = this.#cells?.paint(this.#regions.map((one) => one.color)) ?? null;
    replace(this.places.stage,
      make('div', {class: `board ${phase.shape}`}, cells, regions, this.glyphs, this.svg, ...axes(phase)));
    this.point(phase.at);
    this.#listen(this.svg);
    if (hadFocus) this.ring?.focus();
  }

  #glyphs() {
    const ring = this.#at && this.#plane.place(this.#at);
    return this.#regions.map((one) => regionGlyph(one, this.#plane.size, ring));
  }

  #shapes() {
    return this.#cells ? [] : this.#regions.map((one) => {
      const shape = draw('path', {d: outlinePath(one.outline), class: 'region'});
      shape.style.fill = one.color;
      return shape;
    });
  }

  #frame(phase) {
    const lines = [draw('path', {d: outlinePath(this.#plane.outline), class: 'edge'})];
    if (phase.shape === 'ternary') return lines;
    const [x, y] = this.#plane.place([0, 0]);
    return [draw('path', {d: `M${x} 0V${SIDE}M0 ${y}H${SIDE}`, class: 'axis'}), ...lines];
  }

  #ring(phase) {
    const told = `this sum, over ${phase.terms.join(', ')}${this.#movable ? '; arrow keys move it' : ''}`;
    const kind = this.#movable ? {class: 'ring movable', tabindex: 0} : {class: 'ring'};
    return draw('g', {...kind, role: 'img', 'aria-label': told},
      draw('circle', {r: 13, class: 'halo'}), draw('circle', {r: 9}), draw('circle', {r: 2.5, class: 'dot'}));
  }

  #listen(svg) {
    const move = (event) => {
      const at = this.#plane.weights(this.#inPicture(event));
      this.point(at);
      this.onMove(at);
    };
    svg.addEventListener('pointerdown', (event) => {
      if (!this.#movable || event.button !== 0) return;
      event.preventDefault();
      svg.setPointerCapture(event.pointerId);
      this.ring.focus();
      this.dragging = true;
      move(event);
    });
    svg.addEventListener('pointermove', (event) => {
      if (this.dragging) move(event);
      this.#name(this.#regionAt(this.#inPicture(event)));
    });
    const end = () => { this.dragging = false; };
    svg.addEventListener('pointerup', end);
    svg.addEventListener('pointercancel', end);
    svg.addEventListener('pointerleave', () => this.#name(null));
    this.ring?.addEventListener('keydown', (event) => {
      const step = arrow(event);
      if (!step || !this.#movable) return;
      event.preventDefault();
      const by = event.shiftKey ? 5 : 1;
      let at = this.#at;
      for (let n = 0; n < by; n++) at = this.#plane.moved(at, step);
      this.point(at);
      this.#name(this.#regionAt(this.#plane.place(at)));
      this.onMove(at);
    });
  }

  #inPicture(event) {
    const box = this.svg.getBoundingClientRect();
    const [width, height] = this.#plane.size;
    return [((event.clientX - box.left) / box.width) * (width + 2) - 1,
      ((event.clientY - box.top) / box.height) * (height + 2) - 1];
  }

  #regionAt(place) {
    if (this.#cells) return this.#regions[this.#cells.at(place)] ?? null;
    return this.#regions.find((one) => inside(place, one.outline)) ?? null;
  }

  #name(region) {
    replace(this.places.hover, ...(region ? [glyph(region, 20, ''), ' ', make('b', {text: named(region)}),
      ` · ${percent(region.share)} of the area`] : [this.#movable ? 'drag the ring, or move it by arrow keys' : '']));
  }

  #list() {
    const told = this.#told.slice(0, LISTED).map((one) =>
      make('li', {title: named(one)}, glyph(one, 18, named(one)), ` ${percent(one.share)}`));
    const more = this.#told.length - told.length;
    replace(this.places.list, ...told, more > 0 ? make('li', {class: 'grey', text: `and ${more} more`}) : null,
      ...this.#remarks.filter(Boolean).map((text) => make('li', {class: 'grey', text})));
  }
}
