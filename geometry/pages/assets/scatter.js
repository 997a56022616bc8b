'use strict';

/**
 * Tokens on a plane, drawn on a canvas: emoji as pictures, words as text, sums over them.
 *
 * One global, `Scatter`; it asks for nothing, and its colours are the page's CSS variables. The data are described in
 * geometry/maps/page.py. A point is named by its position in the data throughout, never by its token's id.
 */
const Scatter = (() => {
  const MARGIN = 34; // CSS pixels that stay free around the points at first
  const SCALE = { least: 0.6, most: 400 }; // 1 shows everything
  const SIDE = { least: 8, most: 46, share: 1.3 }; // of a picture, in CSS pixels; share of the room of a point
  const DOT = { least: 1.1, most: 3.2, share: 0.3 };
  const WORDS_FROM = 5.5; // CSS pixels between points: nearer ones stay dots
  const LONGEST = 22; // characters of a word that are drawn
  const FAMILY = 'system-ui, "DejaVu Sans", Verdana, sans-serif, "Noto Color Emoji", "Apple Color Emoji", "Segoe UI Emoji"';
  const GLIDE = 260; // milliseconds
  const still = window.matchMedia('(prefers-reduced-motion: reduce)');
  const dark = window.matchMedia('(prefers-color-scheme: dark)');

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  /** Where the plane's coordinates lie on the canvas; a scale of 1 shows all of them. */
  class Plane {
    constructor(xs, ys) {
      const [left, right] = ends(xs), [low, high] = ends(ys);
      this.bounds = { left, right, low, high };
      this.width = this.height = 1;
      this.home();
    }

    home() {
      const { left, right, low, high } = this.bounds;
      this.view = { x: (left + right) / 2, y: (low + high) / 2, scale: 1 };
    }

    /** CSS pixels for one unit of the plane. */
    get zoom() {
      const { left, right, low, high } = this.bounds;
      const wide = (this.width - 2 * MARGIN) / (right - left || 1), tall = (this.height - 2 * MARGIN) / (high - low || 1);
      return Math.max(Math.min(wide, tall), 1e-9) * this.view.scale;
    }

    toScreen(x, y) {
      const zoom = this.zoom;
      return [this.width / 2 + (x - this.view.x) * zoom, this.height / 2 - (y - this.view.y) * zoom];
    }

    toPlane(sx, sy) {
      const zoom = this.zoom;
      return [this.view.x + (sx - this.width / 2) / zoom, this.view.y - (sy - this.height / 2) / zoom];
    }

    /** Return a view inside the limits: the middle of the canvas never leaves the points. */
    within({ x, y, scale }) {
      const { left, right, low, high } = this.bounds, now = this.view;
      const or = (value, other) => Number.isFinite(value) ? value : other;
      return {
        x: clamp(or(x, now.x), left, right),
        y: clamp(or(y, now.y), low, high),
        scale: clamp(or(scale, now.scale), SCALE.least, SCALE.most),
      };
    }

    /** Return the view after a zoom that leaves what is at (sx, sy) where it is. */
    zoomed(factor, sx, sy) {
      const { scale } = this.view;
      const by = clamp(scale * factor, SCALE.least, SCALE.most) / scale;
      const [x, y] = this.toPlane(sx, sy);
      return { x: x + (this.view.x - x) / by, y: y + (this.view.y - y) / by, scale: scale * by };
    }

    /** Return the view in which points of the plane take up the middle of the canvas. */
    around(places, most) {
      const [left, right] = ends(places.map((one) => one[0])), [low, high] = ends(places.map((one) => one[1]));
      const whole = this.zoom / this.view.scale; // CSS pixels for a unit at scale 1
      const room = Math.min(0.55 * this.width / (right - left || 1e-9), 0.55 * this.height / (high - low || 1e-9));
      return { x: (left + right) / 2, y: (low + high) / 2, scale: Math.min(room / whole, most) };
    }
  }

  /** Points sorted into square cells, so that those of a part of the plane are found without a look at all. */
  class Grid {
    constructor(xs, ys, { left, right, low, high }) {
      const count = Math.max(xs.length, 1);
      this.cell = Math.max(Math.sqrt((right - left) * (high - low) / count * 2), (right - left + high - low) / 2000, 1e-9);
      this.left = left;
      this.low = low;
      this.columns = Math.floor((right - left) / this.cell) + 1;
      this.rows = Math.floor((high - low) / this.cell) + 1;
      this.starts = new Int32Array(this.columns * this.rows + 1);
      const cells = Int32Array.from(xs, (x, i) => this.row(ys[i]) * this.columns + this.column(x));
      for (const cell of cells) this.starts[cell + 1]++;
      let taken = 0;
      for (let cell = 0; cell < this.starts.length - 1; cell++) {
        taken += this.starts[cell + 1] > 0;
        this.starts[cell + 1] += this.starts[cell];
      }
      this.members = new Int32Array(xs.length);
      const next = this.starts.slice();
      cells.forEach((cell, i) => { this.members[next[cell]++] = i; });
      /** The side of the square that a point has to itself where there are points. */
      this.spacing = Math.sqrt(taken * this.cell ** 2 / count);
    }

    column(x) { return clamp(Math.floor((x - this.left) / this.cell), 0, this.columns - 1); }

    row(y) { return clamp(Math.floor((y - this.low) / this.cell), 0, this.rows - 1); }

    /** Call `visit` with each point of every cell that touches a part of the plane. */
    each(left, right, low, high, visit) {
      const last = this.column(right);
      for (let row = this.row(low), end = this.row(high); row <= end; row++) {
        const first = row * this.columns;
        const from = this.starts[first + this.column(left)], to = this.starts[first + last + 1];
        for (let i = from; i < to; i++) visit(this.members[i]);
      }
    }
  }

  /** What of the canvas is taken already, in squares that move along with the plane, so that words do not flicker. */
  class Mask {
    static SQUARE = 4;

    constructor(width, height, [dx, dy]) {
      const square = Mask.SQUARE;
      this.dx = ((dx % square) + square) % square;
      this.dy = ((dy % square) + square) % square;
      this.columns = Math.ceil(width / square) + 2;
      this.rows = Math.ceil(height / square) + 2;
      this.taken = new Uint8Array(this.columns * this.rows);
    }

    /** Take a rectangle around (x, y) and return true, or return false where some of it is taken. */
    take(x, y, width, height, force = false) {
      const square = Mask.SQUARE, { columns, taken } = this;
      const left = Math.max(Math.floor((x - width / 2 - this.dx) / square) + 1, 0);
      const right = Math.min(Math.floor((x + width / 2 - this.dx) / square) + 1, columns - 1);
      const top = Math.max(Math.floor((y - height / 2 - this.dy) / square) + 1, 0);
      const bottom = Math.min(Math.floor((y + height / 2 - this.dy) / square) + 1, this.rows - 1);
      if (!force) {
        for (let row = top; row <= bottom; row++) {
          for (let at = row * columns + left; at <= row * columns + right; at++) if (taken[at]) return false;
        }
      }
      for (let row = top; row <= bottom; row++) taken.fill(1, row * columns + left, row * columns + right + 1);
      return true;
    }
  }

  /** The pictures of an atlas, and smaller ones made once: a picture is never made much smaller while it is drawn. */
  class Sprites {
    constructor(image, { side, columns }) {
      this.columns = columns;
      this.levels = [{ image, side }];
      for (let half = side / 2; half >= 16; half /= 2) this.levels.push(this.halved(this.levels.at(-1)));
    }

    halved({ image, side }) {
      const canvas = document.createElement('canvas');
      canvas.width = Math.max(image.width >> 1, 1);
      canvas.height = Math.max(image.height >> 1, 1);
      const pen = canvas.getContext('2d');
      pen.imageSmoothingQuality = 'high';
      pen.drawImage(image, 0, 0, canvas.width, canvas.height);
      return { image: canvas, side: side / 2 };
    }

    /** Return the smallest level whose pictures have at least so many pixels. */
    level(pixels) {
      return this.levels.findLast((one) => one.side >= pixels * 0.99) ?? this.levels[0];
    }

    draw(pen, { image, side }, index, x, y, wide) {
      const left = index % this.columns * side, top = Math.floor(index / this.columns) * side;
      pen.drawImage(image, left, top, side, side, x - wide / 2, y - wide / 2, wide, wide);
    }
  }

  /** Pointer, wheel and keys on the canvas, told to a scatter. */
  class Hands {
    constructor(canvas, scatter) {
      this.canvas = canvas;
      this.scatter = scatter;
      this.down = new Map();
      this.off = new AbortController();
      const on = (name, act, passive = true) =>
        canvas.addEventListener(name, act.bind(this), { passive, signal: this.off.signal });
      on('pointerdown', this.press);
      on('pointermove', this.move);
      on('pointerup', this.release);
      on('pointercancel', this.forget);
      on('pointerleave', this.leave);
      on('wheel', this.wheel, false);
      on('dblclick', this.twice);
      on('keydown', this.key, false);
    }

    place(event) {
      const box = this.canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    }

    press(event) {
      if (event.button !== 0) return;
      this.canvas.setPointerCapture(event.pointerId);
      this.down.set(event.pointerId, this.place(event));
      if (this.down.size === 1) this.moved = 0;
      this.canvas.classList.add('grabbed');
    }

    move(event) {
      const now = this.place(event), before = this.down.get(event.pointerId);
      if (!before) {
        if (event.pointerType !== 'touch') this.scatter.point(...now);
        return;
      }
      this.moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (this.down.size === 1) {
        if (this.moved > 3) this.scatter.pan(now[0] - before[0], now[1] - before[1]);
      } else this.pinch(event.pointerId, before, now);
      if (this.moved > 3 || this.down.size > 1) this.down.set(event.pointerId, now);
    }

    pinch(id, before, now) {
      const other = [...this.down].find(([key]) => key !== id)[1];
      const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]);
      this.scatter.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
      this.scatter.zoom(apart(now) / (apart(before) || 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      this.moved = Infinity; // fingers that spread are no tap
    }

    release(event) {
      const tapped = this.down.size === 1 && this.moved <= 3;
      this.forget(event);
      if (tapped) this.scatter.pick(this.scatter.nearestTo(...this.place(event)));
    }

    forget(event) {
      this.down.delete(event.pointerId);
      if (!this.down.size) this.canvas.classList.remove('grabbed');
    }

    leave() {
      if (!this.down.size) this.scatter.hover(null);
    }

    wheel(event) {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1);
      // a pinch on a touch pad comes as a wheel with the control key, in smaller steps
      const factor = Math.exp(clamp(-pixels * (event.ctrlKey ? 0.01 : 0.0018), -0.7, 0.7));
      this.scatter.zoom(factor, ...this.place(event));
    }

    twice(event) {
      this.scatter.zoom(event.shiftKey ? 0.5 : 2, ...this.place(event), true);
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const scatter = this.scatter, step = 70;
      const acts = {
        ArrowLeft: () => scatter.pan(step, 0),
        ArrowRight: () => scatter.pan(-step, 0),
        ArrowUp: () => scatter.pan(0, step),
        ArrowDown: () => scatter.pan(0, -step),
        '+': () => scatter.zoom(1.4),
        '=': () => scatter.zoom(1.4),
        '-': () => scatter.zoom(1 / 1.4),
        0: () => scatter.fit(),
        n: () => scatter.step(1),
        p: () => scatter.step(-1),
        Enter: () => scatter.pick(scatter.current),
        Escape: () => scatter.pick(null),
      };
      if (!Object.hasOwn(acts, event.key)) return;
      event.preventDefault();
      acts[event.key]();
    }
  }

  return class Scatter {
    #canvas; #data; #points; #atlas; #tell; #plane; #grid; #sprites = null; #hands; #watch;
    #base = document.createElement('canvas');
    #baseStale = true; #frame = 0; #glide = null; #look = null; #ratio = 1;
    #composites = []; #shown; #marked = []; #dimmed = false; #picked = null; #hovered = null; #stepped = -1;
    #labels; #widths;

    /**
     * @param {HTMLCanvasElement} canvas its size is what CSS gives it
     * @param {object} data what geometry/maps/page.py calls scatter data
     * @param {HTMLImageElement} atlasImage pictures of 64 × 64 pixels; it may still be loading
     * @param {{onHover?: function(?number), onPick?: function(?number), onView?: function(object)}} tell
     */
    constructor(canvas, data, atlasImage, tell = {}) {
      this.#canvas = canvas;
      this.#data = data;
      this.#points = data.points;
      this.#atlas = atlasImage;
      this.#tell = tell;
      const { x, y, text } = data.points;
      this.#plane = new Plane(x, y);
      this.#grid = new Grid(x, y, this.#plane.bounds);
      this.#shown = new Uint8Array(x.length).fill(1);
      this.#labels = text.map(word);
      this.#widths = new Float32Array(x.length);
      this.#hands = new Hands(canvas, this);
      this.#watch = new ResizeObserver(() => this.#resize());
      this.#watch.observe(canvas);
      dark.addEventListener('change', this.setTheme);
      this.#load();
      this.setTheme();
      this.#resize();
      this.setComposites(data.composites ?? []);
    }

    /** Take everything back that was hung up; the canvas stays. */
    destroy() {
      this.#hands.off.abort();
      this.#watch.disconnect();
      dark.removeEventListener('change', this.setTheme);
      cancelAnimationFrame(this.#frame);
      this.#frame = -1;
    }

    /** Sums over the map: `{expression, x, y, winner, terms, ghost?, label?}`. */
    setComposites(composites) {
      this.#composites = composites.filter((one) => Number.isFinite(one.x) && Number.isFinite(one.y));
      this.#request();
    }

    /** Show the points of some groups, given by their indices; null shows all. */
    setGroups(visible) {
      const { group } = this.#points;
      for (let i = 0; i < group.length; i++) this.#shown[i] = visible === null || visible.has(group[i]) ? 1 : 0;
      this.#request(true);
    }

    /** Draw rings around points; whatever else there is steps back. */
    highlight(positions) {
      this.#marked = [...positions];
      this.#request();
    }

    /** Let the map step back behind what is drawn over it. */
    dim(on) {
      this.#dimmed = Boolean(on);
      this.#request();
    }

    /** Go to a point and mark it as current; nobody is told. */
    focus(position) {
      this.#hovered = position;
      const { x, y } = this.#points;
      const near = [position, ...this.#points.nearest[position].slice(0, 3)].map((at) => [x[at], y[at]]);
      const close = this.#plane.around(near, 8).scale;
      this.#go({ x: x[position], y: y[position], scale: Math.max(this.view.scale, Math.min(close, 3)) }, true);
    }

    /** Go to where some places of the plane, [x, y] each, are all seen. */
    reveal(places) {
      if (places.length) this.#go(this.#plane.around(places, Math.max(this.view.scale, 2.5)), true);
    }

    /** Show everything. */
    fit() {
      const before = this.view;
      this.#plane.home();
      const target = this.view;
      this.#plane.view = before;
      this.#go(target, true);
    }

    /** The middle of the canvas in the plane's coordinates, and the scale: 1 shows everything. */
    get view() { return { ...this.#plane.view }; }

    set view(view) { this.#go(view, false); }

    /** The point under the pointer or stepped to, else the picked one, else null. */
    get current() { return this.#hovered ?? this.#picked; }

    get picked() { return this.#picked; }

    /** Where a point lies on the canvas, in CSS pixels. */
    at(position) { return this.#plane.toScreen(this.#points.x[position], this.#points.y[position]); }

    pan(dx, dy) {
      const { x, y, scale } = this.view, { zoom } = this.#plane;
      this.#go({ x: x - dx / zoom, y: y + dy / zoom, scale }, false);
    }

    /** Zoom around a place on the canvas, its middle unless given. */
    zoom(factor, sx = this.#plane.width / 2, sy = this.#plane.height / 2, smooth = false) {
      this.#go(this.#plane.zoomed(factor, sx, sy), smooth);
    }

    /** Pick a point, or none. */
    pick(position) {
      this.#stepped = -1;
      this.#hovered = position;
      this.#picked = position;
      this.#request();
      this.#tell.onPick?.(position);
    }

    /** Make a point the current one, or none. */
    hover(position) {
      if (position === this.#hovered) return;
      this.#hovered = position;
      this.#canvas.classList.toggle('over', position !== null);
      this.#request();
      this.#tell.onHover?.(position);
    }

    /** Hover what lies at a place on the canvas. */
    point(sx, sy) { this.hover(this.nearestTo(sx, sy)); }

    /** Step through the nearest of the picked point; without one, pick what is nearest to the middle. */
    step(by) {
      if (this.#picked === null) {
        const { width, height } = this.#plane;
        return this.pick(this.nearestTo(width / 2, height / 2, Math.hypot(width, height)));
      }
      const nearest = this.#points.nearest[this.#picked];
      if (!nearest.length) return;
      this.#stepped = (Math.max(this.#stepped + by, by > 0 ? 0 : -1) + nearest.length) % nearest.length;
      this.hover(nearest[this.#stepped]);
      const [sx, sy] = this.at(this.#hovered), { width, height } = this.#plane;
      if (sx < 0 || sy < 0 || sx > width || sy > height) this.reveal(this.#places([this.#picked, this.#hovered]));
    }

    /** Return the visible point that is nearest to a place on the canvas, or null where none is within reach. */
    nearestTo(sx, sy, reach = Math.max(this.#side() / 2, 9)) {
      const [x, y] = this.#plane.toPlane(sx, sy), far = reach / this.#plane.zoom;
      let best = null, least = far * far;
      this.#grid.each(x - far, x + far, y - far, y + far, (i) => {
        const away = (this.#points.x[i] - x) ** 2 + (this.#points.y[i] - y) ** 2;
        if (this.#shown[i] && away <= least) [best, least] = [i, away];
      });
      return best;
    }

    /** Draw a point's picture alone onto another canvas; return false where it has none. */
    stamp(canvas, position) {
      const pen = canvas.getContext('2d'), sprite = this.#points.sprite[position];
      pen.clearRect(0, 0, canvas.width, canvas.height);
      if (sprite < 0 || !this.#sprites) return false;
      pen.imageSmoothingQuality = 'high';
      const side = Math.min(canvas.width, canvas.height);
      this.#sprites.draw(pen, this.#sprites.level(side), sprite, canvas.width / 2, canvas.height / 2, side);
      return true;
    }

    /** Read the page's CSS variables again. */
    setTheme = () => {
      const style = getComputedStyle(this.#canvas);
      const color = (name, other) => style.getPropertyValue(name).trim() || other;
      this.#look = {
        paper: color('--paper', '#ffffff'), ink: color('--ink', '#1f2328'), grey: color('--grey', '#6e7781'),
        accent: color('--accent', '#0072b2'), warm: color('--warm', '#d55e00'),
      };
      this.#request(true);
    };

    /** Draw now rather than in the next frame. */
    draw() {
      cancelAnimationFrame(this.#frame);
      this.#frame = 0;
      if (this.#ratio !== window.devicePixelRatio) this.#resize();
      if (this.#glide) this.#advance();
      if (this.#baseStale) this.#drawBase();
      this.#drawOver();
    }

    // ---- frames

    #request(base = false) {
      this.#baseStale ||= base;
      if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.draw());
    }

    #resize() {
      const { clientWidth, clientHeight } = this.#canvas;
      this.#ratio = window.devicePixelRatio;
      this.#plane.width = Math.max(clientWidth, 1);
      this.#plane.height = Math.max(clientHeight, 1);
      for (const canvas of [this.#canvas, this.#base]) {
        canvas.width = Math.max(Math.round(clientWidth * this.#ratio), 1);
        canvas.height = Math.max(Math.round(clientHeight * this.#ratio), 1);
      }
      this.#request(true);
    }

    async #load() {
      if (!this.#atlas || !this.#data.atlas?.count) return;
      try {
        await this.#atlas.decode();
      } catch {
        return; // without pictures the points stay dots
      }
      this.#sprites = new Sprites(this.#atlas, this.#data.atlas);
      this.#tell.onLoad?.();
      this.#request(true);
    }

    #go(view, smooth) {
      const target = this.#plane.within(view);
      if (smooth && !still.matches) {
        this.#glide = { from: this.view, to: target, start: performance.now() };
        this.#request();
        return;
      }
      this.#glide = null;
      this.#plane.view = target;
      this.#request(true);
      this.#tell.onView?.(this.view);
    }

    #advance() {
      const { from, to, start } = this.#glide;
      const t = clamp((performance.now() - start) / GLIDE, 0, 1), eased = 1 - (1 - t) ** 3;
      const scale = from.scale * (to.scale / from.scale) ** eased;
      // the share of the way that keeps the goal in a straight line while the scale changes
      const way = from.scale === to.scale ? eased : (1 / from.scale - 1 / scale) / (1 / from.scale - 1 / to.scale);
      this.#plane.view = { x: from.x + (to.x - from.x) * way, y: from.y + (to.y - from.y) * way, scale };
      if (t === 1) this.#glide = null;
      else this.#request();
      this.#baseStale = true;
      this.#tell.onView?.(this.view);
    }

    // ---- what stays while the pointer moves: all points

    #side() { return clamp(this.#grid.spacing * this.#plane.zoom * SIDE.share, SIDE.least, SIDE.most); }

    #dot() { return clamp(this.#grid.spacing * this.#plane.zoom * DOT.share, DOT.least, DOT.most); }

    #drawBase() {
      this.#baseStale = false;
      const pen = this.#base.getContext('2d'), side = this.#side();
      pen.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
      pen.clearRect(0, 0, this.#plane.width, this.#plane.height);
      const seen = this.#seen(Math.max(side, 60));
      const pictures = this.#sprites ? seen.filter((i) => this.#points.sprite[i] >= 0) : [];
      const words = this.#sprites ? seen.filter((i) => this.#points.sprite[i] < 0) : seen;
      this.#drawHalos(pen, pictures, side);
      const labelled = this.#placeWords(pen, words, pictures, side);
      this.#drawDots(pen, words, labelled);
      this.#drawPictures(pen, pictures, side);
      for (const i of labelled) this.#drawWord(pen, i);
    }

    #seen(edge) {
      const { width, height } = this.#plane, found = [];
      const [left, high] = this.#plane.toPlane(-edge, -edge), [right, low] = this.#plane.toPlane(width + edge, height + edge);
      this.#grid.each(left, right, low, high, (i) => { if (this.#shown[i]) found.push(i); });
      return Int32Array.from(found).sort();
    }

    #byGroup(positions, trace) {
      const paths = new Map(), { group } = this.#points;
      for (const i of positions) {
        if (!paths.has(group[i])) paths.set(group[i], new Path2D());
        trace(paths.get(group[i]), ...this.at(i));
      }
      return paths;
    }

    #drawHalos(pen, pictures, side) {
      const radius = side * 0.66;
      const paths = this.#byGroup(pictures, (path, x, y) => {
        path.moveTo(x + radius, y);
        path.arc(x, y, radius, 0, 2 * Math.PI);
      });
      pen.globalAlpha = 0.26;
      this.#fill(pen, paths);
    }

    #drawDots(pen, words, labelled) {
      const radius = this.#dot(), named = new Set(labelled);
      const paths = this.#byGroup(words.filter((i) => !named.has(i)), (path, x, y) => {
        path.rect(x - radius, y - radius, 2 * radius, 2 * radius);
      });
      pen.globalAlpha = labelled.length ? 0.45 : 0.75;
      this.#fill(pen, paths);
    }

    #fill(pen, paths) {
      for (const [group, path] of paths) {
        pen.fillStyle = this.#data.groups[group].color;
        pen.fill(path);
      }
      pen.globalAlpha = 1;
    }

    #drawPictures(pen, pictures, side) {
      if (!pictures.length) return;
      const level = this.#sprites.level(side * this.#ratio), { sprite } = this.#points;
      for (const i of pictures) this.#sprites.draw(pen, level, sprite[i], ...this.at(i), side);
    }

    /** Return the words that are written: in the order of their ids, each where nothing was before it. */
    #placeWords(pen, words, pictures, side) {
      if (!words.length || this.#grid.spacing * this.#plane.zoom < WORDS_FROM) return [];
      const { width, height } = this.#plane, edge = 120, size = this.#fontSize();
      const shift = (x, y) => [x + edge, y + edge];
      const mask = new Mask(width + 2 * edge, height + 2 * edge, shift(...this.#plane.toScreen(0, 0)));
      pen.font = `${size}px ${FAMILY}`;
      for (const i of pictures) mask.take(...shift(...this.at(i)), side * 0.8, side * 0.8, true);
      const wide = (i) => (this.#widths[i] ||= pen.measureText(this.#labels[i]).width / size);
      return [...words].filter((i) => mask.take(...shift(...this.at(i)), wide(i) * size + 4, size * 1.15));
    }

    #fontSize() { return clamp(this.#grid.spacing * this.#plane.zoom * 0.5, 10.5, 13); }

    #drawWord(pen, i) {
      const [x, y] = this.at(i);
      this.#write(pen, this.#labels[i], x, y, this.#fontSize(), this.#look.ink);
    }

    #write(pen, text, x, y, size, color, align = 'center', weight = 400) {
      pen.font = `${weight} ${size}px ${FAMILY}`;
      pen.textAlign = align;
      pen.textBaseline = 'middle';
      pen.lineJoin = 'round';
      pen.lineWidth = 3;
      pen.strokeStyle = this.#look.paper;
      pen.strokeText(text, x, y);
      pen.fillStyle = color;
      pen.fillText(text, x, y);
    }

    // ---- what changes with the pointer and with the sums

    #drawOver() {
      const pen = this.#canvas.getContext('2d');
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
      const back = this.#marked.length || this.#picked !== null;
      pen.globalAlpha = this.#dimmed ? 0.25 : back ? 0.45 : 1;
      pen.drawImage(this.#base, 0, 0);
      pen.globalAlpha = 1;
      pen.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
      for (const i of this.#marked) if (this.#shown[i]) this.#drawMarked(pen, i, 1.15, this.#look.accent);
      this.#drawNearest(pen);
      this.#drawComposites(pen);
      const { current } = this;
      if (current !== null) this.#drawCurrent(pen, current);
    }

    #places(positions) { return positions.map((i) => [this.#points.x[i], this.#points.y[i]]); }

    /** A point over the map, with a ring. */
    #drawMarked(pen, i, larger, color, thick = 1.5) {
      const [x, y] = this.at(i), sprite = this.#points.sprite[i];
      const side = this.#side() * larger;
      if (sprite < 0 || !this.#sprites) {
        pen.fillStyle = color;
        pen.beginPath();
        pen.arc(x, y, this.#dot() + 1.5, 0, 2 * Math.PI);
        pen.fill();
        if (larger > 1.2) this.#write(pen, this.#labels[i], x, y - 11, 12.5, this.#look.ink, 'center', 600);
        return;
      }
      pen.beginPath();
      pen.arc(x, y, side * 0.68, 0, 2 * Math.PI);
      pen.fillStyle = this.#look.paper;
      pen.fill();
      pen.lineWidth = thick;
      pen.strokeStyle = color;
      pen.stroke();
      this.#sprites.draw(pen, this.#sprites.level(side * this.#ratio), sprite, x, y, side);
    }

    #drawNearest(pen) {
      if (this.#picked === null) return;
      const nearest = this.#points.nearest[this.#picked].filter((i) => this.#shown[i]);
      for (const i of nearest) this.#line(pen, this.at(this.#picked), this.at(i), this.#look.accent, 1, 0.55);
      for (const i of nearest) this.#drawMarked(pen, i, 1.25, this.#look.accent);
      this.#drawMarked(pen, this.#picked, 1.7, this.#look.accent, 2.5);
    }

    #drawCurrent(pen, i) {
      const larger = i === this.#picked ? 1.7 : 1.6, [x, y] = this.at(i);
      this.#drawMarked(pen, i, larger, this.#look.ink, 2);
      if (this.#points.sprite[i] < 0) return;
      const name = this.#points.name[i] || this.#labels[i];
      this.#write(pen, name, x, y + this.#side() * larger * 0.68 + 10, 12, this.#look.ink, 'center', 600);
    }

    #line(pen, [x1, y1], [x2, y2], color, thick, alpha, dash = []) {
      pen.globalAlpha = alpha;
      pen.strokeStyle = color;
      pen.lineWidth = thick;
      pen.setLineDash(dash);
      pen.beginPath();
      pen.moveTo(x1, y1);
      pen.lineTo(x2, y2);
      pen.stroke();
      pen.setLineDash([]);
      pen.globalAlpha = 1;
    }

    #drawComposites(pen) {
      const { ink, warm, grey } = this.#look, here = (one) => this.#plane.toScreen(one.x, one.y);
      for (const one of this.#composites) {
        for (const i of one.terms ?? []) this.#line(pen, here(one), this.at(i), grey, 1.2, 0.8);
        if (one.winner !== null) this.#line(pen, here(one), this.at(one.winner), warm, 2.5, 0.95, one.ghost ? [5, 4] : []);
      }
      for (const one of this.#composites) {
        for (const i of one.terms ?? []) this.#drawMarked(pen, i, 1.25, grey);
        if (one.winner !== null) this.#drawMarked(pen, one.winner, 1.9, warm, 2.5);
      }
      for (const one of this.#composites) this.#drawDiamond(pen, ...here(one), one.ghost);
      const taken = [];
      for (const one of this.#composites) {
        this.#writeBeside(pen, one.label ?? one.expression, here(one), one.ghost ? grey : ink, taken);
      }
    }

    #drawDiamond(pen, x, y, ghost) {
      const r = 7, { paper, warm, ink } = this.#look;
      pen.globalAlpha = ghost ? 0.5 : 1;
      pen.fillStyle = ghost ? warm : ink;
      pen.strokeStyle = paper;
      pen.lineWidth = 1.6;
      pen.beginPath();
      for (const [dx, dy] of [[0, -r], [r, 0], [0, r], [-r, 0]]) pen.lineTo(x + dx, y + dy);
      pen.closePath();
      pen.fill();
      pen.stroke();
      pen.globalAlpha = 1;
      if (!ghost) return;
      pen.strokeStyle = warm;
      pen.setLineDash([4, 4]);
      pen.beginPath();
      pen.arc(x, y, 18, 0, 2 * Math.PI);
      pen.stroke();
      pen.setLineDash([]);
    }

    /** Write a label at the first side of a place where it covers no other label and stays on the canvas. */
    #writeBeside(pen, text, [x, y], color, taken) {
      pen.font = `600 13px ${FAMILY}`;
      const wide = pen.measureText(text).width, { width, height } = this.#plane;
      const sides = [[x + 13 + wide / 2, y], [x - 13 - wide / 2, y], [x, y - 20], [x, y + 20], [x, y - 38], [x, y + 38]];
      const free = ([cx, cy]) => cx - wide / 2 >= 2 && cx + wide / 2 <= width - 2 && cy > 8 && cy < height - 8
        && !taken.some((one) => Math.abs(one[0] - cx) < (one[2] + wide) / 2 && Math.abs(one[1] - cy) < 17);
      const [cx, cy] = sides.find(free) ?? sides[0];
      taken.push([cx, cy, wide]);
      this.#write(pen, text, cx, cy, 13, color, 'center', 600);
    }
  };

  function ends(values) {
    let low = Infinity, high = -Infinity;
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return low <= high ? [low, high] : [0, 1];
  }

  /** A token as the map writes it: without the space before it, and not too long. */
  function word(text) {
    const bare = [...text.replace(/^ /, '')];
    return bare.length > LONGEST ? `${bare.slice(0, LONGEST - 1).join('')}…` : bare.join('');
  }
})();
