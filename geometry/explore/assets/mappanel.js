/* global Scatter */
/** The map beside the card: the head's emoji on a plane, the sum among them, and the emoji that is not there. */

import {NOT_YET} from './api.js';
import {debounced, find} from './dom.js';
import {MapGroups} from './mapgroups.js';
import {MapSearch} from './mapsearch.js';
import {MapSource} from './mapsource.js';
import {labelOf, trustText, viewOf, viewText} from './mapview.js';
import {MapStrip} from './mapstrip.js';
import {useSheet} from './sprites.js';

const AGAIN = 1000;

export class MapPanel {
  #scatter = null;
  #data = null;
  #shown = '';
  #method = 'pca';
  #places = new Map();
  #answer = null;
  #ghost = null;
  #source = new MapSource();
  #strip = new MapStrip(find('strip'));
  #search;
  #groups;

  /**
   * @param {import('./state.js').State} state
   * @param {import('./connection.js').Connection} connection
   * @param {() => void} onSheet called when pictures of emoji came
   */
  constructor(state, connection, onSheet) {
    this.state = state;
    this.connection = connection;
    this.onSheet = onSheet;
    this.onView = debounced((view) => state.set({view: viewText(view)}), 250);
    find('fit').addEventListener('click', () => { this.#scatter?.fit(); state.set({view: ''}); });
    for (const button of document.querySelectorAll('[data-map]')) {
      button.addEventListener('click', () => {
        state.set({map: button.dataset.map, view: ''});
        this.load();
      });
    }
    this.#search = new MapSearch(state, (found) => this.#scatter?.highlight(found), (at) => this.#scatter?.focus(at));
    this.#groups = new MapGroups(find('groups'), state, (shown) => this.#scatter?.setGroups(shown));
    const canvas = find('map');
    for (const event of ['pointerenter', 'focus']) canvas.addEventListener(event, () => this.#dim(false));
    for (const event of ['pointerleave', 'blur']) canvas.addEventListener(event, () => this.#dim(true));
  }

  /** Draw the map that the state asks for; while UMAP is computed, PCA stands in. */
  async load() {
    const [head, space, wanted] = [this.state.get('head'), this.state.get('space'), this.state.get('map')];
    for (const button of document.querySelectorAll('[data-map]')) {
      button.setAttribute('aria-pressed', String(button.dataset.map === wanted));
    }
    const key = [head, space, wanted].join(' ');
    if (this.#shown === key) return;
    this.#tell('loading the map …');
    try {
      const data = await this.#source.get(head, space, wanted);
      if (data === null) return;
      if (data !== NOT_YET) return this.#show(data, wanted, key);
      await this.#standIn(head, space, 'UMAP is being drawn; this is PCA');
      setTimeout(() => {
        if ([this.state.get('head'), this.state.get('space'), this.state.get('map')].join(' ') === key) this.load();
      }, AGAIN);
    } catch (error) {
      this.connection.failed(error, 'map', () => this.load(), ({message}) => {
        if (wanted === 'umap') this.#standIn(head, space, `this is PCA; ${message}`);
        else this.none(message);
      });
    }
  }

  /** Show no map, and why. */
  none(reason) {
    this.#drop();
    this.#tell('');
    find('map-empty').textContent = reason;
    find('map-empty').hidden = false;
    find('map').hidden = true;
    this.#groups.show([]);
    this.#search.over(null);
    this.#strip.hint('');
    find('map-stage').classList.add('nomap');
  }

  /** The kind of the map that is shown. */
  get method() {
    return this.#method;
  }

  /** Place a sum, or null for none; see /api/land. */
  place(answer) {
    this.#answer = answer;
    this.#compose();
    this.#dim(true);
  }

  /** Place the missing emoji, or null; see /api/vacancy. */
  haunt(vacancy) {
    this.#ghost = vacancy;
    this.#compose();
  }

  /** Mark a token while something about it is pointed at. */
  mark(id) {
    const at = this.#places.get(id);
    this.#scatter?.highlight(at === undefined ? this.#search.found : [at]);
  }

  /** Go to a token. */
  go(id) {
    const at = this.#places.get(id);
    if (at !== undefined) this.#scatter?.focus(at);
  }

  /** Show PCA in UMAP's place, and say why. */
  async #standIn(head, space, why) {
    try {
      const data = await this.#source.get(head, space, 'pca');
      if (data === null) return;
      if (this.#data !== data) this.#show(data, 'pca', [head, space, 'pca'].join(' '));
      this.#tell(why);
    } catch (error) {
      this.connection.failed(error, 'map', () => this.load(), (refused) => this.none(refused.message));
    }
  }

  #drop() {
    this.#scatter?.destroy();
    this.#scatter = null;
    this.#data = null;
    this.#shown = '';
    this.#places.clear();
  }

  #show(data, method, key) {
    this.#drop();
    [this.#data, this.#method, this.#shown] = [data, method, key];
    data.points.id.forEach((id, at) => this.#places.set(id, at));
    const url = `/atlas.png?${new URLSearchParams({head: this.state.get('head')})}`;
    const image = new Image();
    image.src = url;
    useSheet(url, data.atlas, data.points);
    const canvas = find('map');
    find('map-empty').hidden = true;
    canvas.hidden = false;
    find('map-stage').classList.remove('nomap');
    canvas.setAttribute('aria-label', `Map of emoji by ${method.toUpperCase()}: ${data.caption}`);
    this.#scatter = new Scatter(canvas, data, image, {
      onHover: (at) => this.#strip.show(data, at ?? this.#strip.picked),
      onPick: (at) => this.#strip.pick(data, at),
      onView: (view) => this.onView(view),
    });
    const view = viewOf(this.state.get('view'));
    if (view && method === this.state.get('map')) this.#scatter.view = view;
    this.#strip.pick(data, null);
    this.#tell(trustText(data));
    this.#groups.show(data.groups);
    this.#search.over(data.points);
    this.#compose();
    this.#dim(true);
    this.onSheet();
  }

  #compose() {
    if (!this.#scatter) return;
    const shown = [];
    const own = this.#answer?.composite?.[this.#method];
    if (own) shown.push(this.#composite(this.#answer.composite, own, this.#answer.expression));
    const missing = this.#ghost?.composite?.[this.#method];
    if (missing) shown.push({...this.#composite({}, missing, `no emoji: ${this.#ghost.name}`), ghost: true});
    this.#scatter.setComposites(shown);
  }

  #composite(told, [x, y], expression) {
    const terms = (told.terms ?? []).map((id) => this.#places.get(id)).filter((at) => at !== undefined);
    const winner = this.#places.get(told.winner) ?? null;
    return {expression, label: labelOf(expression), x, y, winner, terms, nearest: []};
  }

  #dim(on) {
    const busy = document.activeElement === find('map') || find('map').matches(':hover');
    this.#scatter?.dim(on && !busy && this.#answer !== null && !this.#search.found.length);
  }

  #tell(text) {
    find('map-state').textContent = text;
  }
}
