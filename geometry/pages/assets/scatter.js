'use strict';

/**
 * Tokens on a plane, drawn on a canvas: emoji as pictures, words as text, sums over them.
 *
 * The one global of this file and of those named scatter-….js, which come after it in any order; it asks for nothing,
 * and its colours are the page's CSS variables. The data are described in geometry/maps/page.py. A point is named by
 * its place in the data throughout, never by its token's id.
 */
class Scatter {
  static GLIDE = 260; // milliseconds

  static still = window.matchMedia('(prefers-reduced-motion: reduce)');

  static dark = window.matchMedia('(prefers-color-scheme: dark)');

  static clamp(value, low, high) { return Math.min(Math.max(value, low), high); }

  /** The least and the most of some numbers. */
  static ends(values) {
    let low = Infinity, high = -Infinity;
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return low <= high ? [low, high] : [0, 1];
  }

  #canvas; #atlas; #tell; #scene; #points; #over; #hands; #watch; #ratio = 1;
  #stale = true; #frame = 0; #glide = null; #stepped = -1;
  #whole = true; // until somebody moves the map, all of it stays in sight

  /**
   * @param {HTMLCanvasElement} canvas its size is what CSS gives it
   * @param {object} data what geometry/maps/page.py calls scatter data
   * @param {?HTMLImageElement} atlasImage pictures of 64 × 64 pixels; it may still be loading
   * @param {{onHover?: function(?number), onPick?: function(?number), onView?: function(object),
   *   onLoad?: function()}} tell who is told; onLoad once pictures can be drawn
   */
  constructor(canvas, data, atlasImage, tell = {}) {
    this.#canvas = canvas;
    this.#atlas = atlasImage;
    this.#tell = tell;
    this.#scene = new Scatter.Scene(data);
    this.#points = new Scatter.Points(this.#scene);
    this.#over = new Scatter.Over(this.#scene);
    this.#hands = new Scatter.Hands(canvas, this);
    this.#watch = new ResizeObserver(() => this.#resize());
    this.#watch.observe(canvas);
    Scatter.dark.addEventListener('change', this.setTheme);
    this.#load();
    this.setTheme();
    this.#resize();
    this.setComposites(data.composites ?? []);
  }

  /** Let go of everything; the canvas stays. */
  destroy() {
    this.#hands.off.abort();
    this.#watch.disconnect();
    Scatter.dark.removeEventListener('change', this.setTheme);
    cancelAnimationFrame(this.#frame);
    this.#frame = -1;
  }

  // ---- what is shown

  /** Sums over the map: `{expression, x, y, winner, terms, ghost?, label?}`. */
  setComposites(composites) {
    const { plane } = this.#scene, before = plane.whole();
    this.#scene.composites = composites.filter((one) => Number.isFinite(one.x) && Number.isFinite(one.y));
    plane.reach(this.#scene.composites.map((one) => [one.x, one.y]));
    const now = plane.whole(), moved = this.#whole && ['x', 'y', 'scale'].some((key) => now[key] !== before[key]);
    if (moved) [this.#glide, plane.view] = [null, now];
    this.#request(moved);
  }

  /** Elements that lie over the canvas: the names of sums stay clear of them. */
  keepClear(elements) {
    this.#scene.covers = [...elements];
    this.#request();
  }

  /** Show the points of some groups, given by their indices; null shows all. */
  setGroups(visible) {
    const { points: { group }, shown } = this.#scene;
    for (let i = 0; i < group.length; i++) shown[i] = visible === null || visible.has(group[i]) ? 1 : 0;
    this.#request(true);
  }

  /** Draw rings around points; whatever else there is steps back. */
  highlight(positions) {
    this.#scene.marked = [...positions];
    this.#request();
  }

  /** Let the map step back behind what is drawn over it. */
  dim(on) {
    this.#scene.dimmed = Boolean(on);
    this.#request();
  }

  /** Read the page's CSS variables again. */
  setTheme = () => {
    this.#scene.setLook(getComputedStyle(this.#canvas));
    this.#request(true);
  };

  // ---- where it is seen from

  /** The middle of the canvas in the plane's coordinates, and the scale: 1 shows everything. */
  get view() { return { ...this.#scene.plane.view }; }

  set view(view) { this.#go(view, false); }

  pan(dx, dy) {
    const { x, y, scale } = this.view, { zoom } = this.#scene.plane;
    this.#go({ x: x - dx / zoom, y: y + dy / zoom, scale }, false);
  }

  /** Zoom around a place on the canvas, its middle unless given. */
  zoom(factor, sx = this.#scene.plane.width / 2, sy = this.#scene.plane.height / 2, smooth = false) {
    this.#go(this.#scene.plane.zoomed(factor, sx, sy), smooth);
  }

  /** Show everything, the sums too. */
  fit() {
    this.#go(this.#scene.plane.whole(), true);
    this.#whole = true;
  }

  /** Go to a point and make it the current one; nobody is told. */
  focus(position) {
    const { plane, points: { x, y, nearest } } = this.#scene;
    this.#scene.hovered = position;
    const close = plane.around(this.#scene.places([position, ...nearest[position].slice(0, 3)]), 3).scale;
    this.#go({ x: x[position], y: y[position], scale: Math.max(this.view.scale, close) }, true);
  }

  /** Go to where some places of the plane, [x, y] each, are all seen. */
  reveal(places) {
    if (places.length) this.#go(this.#scene.plane.around(places, Math.max(this.view.scale, 2.5)), true);
  }

  // ---- which point is meant

  /** The point under the pointer or stepped to, else the picked one, else null. */
  get current() { return this.#scene.hovered ?? this.#scene.picked; }

  get picked() { return this.#scene.picked; }

  /** Where a point lies on the canvas, [x, y] in CSS pixels. */
  at(position) { return this.#scene.at(position); }

  /** Return the visible point that is nearest to a place on the canvas, or null where none is within reach. */
  nearestTo(sx, sy, reach = Math.max(this.#scene.side / 2, 9)) { return this.#scene.nearestTo(sx, sy, reach); }

  /** Pick a point, or none. */
  pick(position) {
    this.#stepped = -1;
    this.#scene.hovered = position;
    this.#scene.picked = position;
    this.#request();
    this.#tell.onPick?.(position);
  }

  /** Make a point the current one, or none. */
  hover(position) {
    if (position === this.#scene.hovered) return;
    this.#scene.hovered = position;
    this.#canvas.classList.toggle('over', position !== null);
    this.#request();
    this.#tell.onHover?.(position);
  }

  /** Step through the nearest of the picked point; without one, pick what is nearest to the middle. */
  step(by) {
    const { picked, points, plane: { width, height } } = this.#scene;
    if (picked === null) return this.pick(this.nearestTo(width / 2, height / 2, Math.hypot(width, height)));
    const nearest = points.nearest[picked];
    if (!nearest.length) return undefined;
    this.#stepped = this.#stepped < 0 ? (by > 0 ? 0 : nearest.length - 1)
      : (this.#stepped + by + nearest.length) % nearest.length;
    const next = nearest[this.#stepped], [sx, sy] = this.at(next);
    this.hover(next);
    if (sx < 0 || sy < 0 || sx > width || sy > height) this.reveal(this.#scene.places([picked, next]));
    return undefined;
  }

  // ---- drawing

  /** Draw a point's picture alone onto another canvas; return false where it has none. */
  stamp(canvas, position) {
    const pen = canvas.getContext('2d'), { sprites, points: { sprite } } = this.#scene;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (!sprites || sprite[position] < 0) return false;
    const side = Math.min(canvas.width, canvas.height);
    pen.imageSmoothingQuality = 'high';
    sprites.draw(pen, sprites.level(side), sprite[position], canvas.width / 2, canvas.height / 2, side);
    return true;
  }

  /** Draw now rather than in the next frame. */
  draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (this.#ratio !== window.devicePixelRatio) this.#resize();
    if (this.#glide) this.#advance();
    if (this.#stale) this.#points.draw(this.#ratio);
    this.#stale = false;
    this.#over.draw(this.#canvas, this.#points.canvas, this.#ratio);
  }

  #request(points = false) {
    this.#stale ||= points;
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.draw());
  }

  #resize() {
    const { clientWidth, clientHeight } = this.#canvas, { plane } = this.#scene;
    this.#ratio = window.devicePixelRatio;
    plane.width = Math.max(clientWidth, 1);
    plane.height = Math.max(clientHeight, 1);
    if (this.#whole) [this.#glide, plane.view] = [null, plane.whole()];
    for (const canvas of [this.#canvas, this.#points.canvas]) {
      canvas.width = Math.max(Math.round(clientWidth * this.#ratio), 1);
      canvas.height = Math.max(Math.round(clientHeight * this.#ratio), 1);
    }
    this.#request(true);
  }

  async #load() {
    const { atlas } = this.#scene.data;
    if (!this.#atlas || !atlas?.count) return;
    try {
      await this.#atlas.decode();
    } catch {
      return; // without pictures the points stay dots
    }
    if (this.#frame === -1) return;
    this.#scene.sprites = new Scatter.Sprites(this.#atlas, atlas);
    this.#request(true);
    this.#tell.onLoad?.();
  }

  #go(view, smooth) {
    const target = this.#scene.plane.within(view);
    this.#whole = false;
    if (smooth && !Scatter.still.matches) {
      this.#glide = { from: this.view, to: target, start: performance.now() };
      this.#request();
      return;
    }
    this.#glide = null;
    this.#scene.plane.view = target;
    this.#request(true);
    this.#tell.onView?.(this.view);
  }

  #advance() {
    const { from, to, start } = this.#glide;
    const t = Scatter.clamp((performance.now() - start) / Scatter.GLIDE, 0, 1), eased = 1 - (1 - t) ** 3;
    const scale = from.scale * (to.scale / from.scale) ** eased;
    // the share of the way that keeps the goal on a straight line while the scale changes
    const way = Math.abs(to.scale / from.scale - 1) < 1e-6 ? eased
      : (1 / from.scale - 1 / scale) / (1 / from.scale - 1 / to.scale);
    this.#scene.plane.view = { x: from.x + (to.x - from.x) * way, y: from.y + (to.y - from.y) * way, scale };
    if (t === 1) this.#glide = null;
    else this.#request();
    this.#stale = true;
    this.#tell.onView?.(this.view);
  }
}
