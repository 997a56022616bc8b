'use strict';

/** Where the plane's coordinates lie on the canvas; a scale of 1 shows all that it was made with. */
Scatter.Plane = class {
  static MARGIN = 44; // CSS pixels that stay free around the points at first

  static LEAST = 0.6;

  static MOST = 400;

  constructor(xs, ys) {
    const [left, right] = Scatter.ends(xs), [low, high] = Scatter.ends(ys);
    this.bounds = { left, right, low, high };
    this.outer = this.bounds; // with what came later
    this.width = this.height = 1;
    this.view = this.whole();
  }

  /** Let the whole be what the plane was made with and some places besides, [x, y] each. */
  reach(places) {
    const { left, right, low, high } = this.bounds;
    const [west, east] = Scatter.ends([left, right, ...places.map((one) => one[0])]);
    const [south, north] = Scatter.ends([low, high, ...places.map((one) => one[1])]);
    this.outer = { left: west, right: east, low: south, high: north };
  }

  /** Return the view that shows everything. */
  whole() {
    const { left, right, low, high } = this.outer;
    return { x: (left + right) / 2, y: (low + high) / 2, scale: this.unit(this.outer) / this.unit(this.bounds) };
  }

  /** CSS pixels for one unit of the plane where a part of it takes up the canvas. */
  unit({ left, right, low, high }) {
    const free = 2 * Scatter.Plane.MARGIN;
    const wide = (this.width - free) / (right - left || 1), tall = (this.height - free) / (high - low || 1);
    return Math.max(Math.min(wide, tall), 1e-9);
  }

  /** CSS pixels for one unit of the plane. */
  get zoom() { return this.unit(this.bounds) * this.view.scale; }

  /** The smallest scale. */
  get least() { return Scatter.Plane.LEAST * this.whole().scale; }

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
    const { left, right, low, high } = this.outer, now = this.view;
    const or = (value, other) => Number.isFinite(value) ? value : other;
    return {
      x: Scatter.clamp(or(x, now.x), left, right),
      y: Scatter.clamp(or(y, now.y), low, high),
      scale: Scatter.clamp(or(scale, now.scale), this.least, Scatter.Plane.MOST),
    };
  }

  /** Return the view after a zoom that leaves what is at (sx, sy) where it is. */
  zoomed(factor, sx, sy) {
    const { scale } = this.view;
    const by = Scatter.clamp(scale * factor, this.least, Scatter.Plane.MOST) / scale;
    const [x, y] = this.toPlane(sx, sy);
    return { x: x + (this.view.x - x) / by, y: y + (this.view.y - y) / by, scale: scale * by };
  }

  /** Return the view in which points of the plane take up the middle of the canvas. */
  around(places, most) {
    const [left, right] = Scatter.ends(places.map((one) => one[0]));
    const [low, high] = Scatter.ends(places.map((one) => one[1]));
    const whole = this.zoom / this.view.scale; // CSS pixels for a unit at scale 1
    const room = Math.min(0.55 * this.width / (right - left || 1e-9), 0.55 * this.height / (high - low || 1e-9));
    return { x: (left + right) / 2, y: (low + high) / 2, scale: Math.min(room / whole, most) };
  }
};

/** Points sorted into square cells, so that those of a part of the plane are found without a look at all. */
Scatter.Grid = class {
  constructor(xs, ys, { left, right, low, high }) {
    const count = Math.max(xs.length, 1);
    const wide = right - left, tall = high - low;
    this.cell = Math.max(Math.sqrt(wide * tall / count * 2), (wide + tall) / 2000, 1e-9);
    this.left = left;
    this.low = low;
    this.columns = Math.floor(wide / this.cell) + 1;
    this.rows = Math.floor(tall / this.cell) + 1;
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

  column(x) { return Scatter.clamp(Math.floor((x - this.left) / this.cell), 0, this.columns - 1); }

  row(y) { return Scatter.clamp(Math.floor((y - this.low) / this.cell), 0, this.rows - 1); }

  /** Call `visit` with each point of every cell that touches a part of the plane. */
  each(left, right, low, high, visit) {
    const last = this.column(right);
    for (let row = this.row(low), end = this.row(high); row <= end; row++) {
      const first = row * this.columns;
      const from = this.starts[first + this.column(left)], to = this.starts[first + last + 1];
      for (let i = from; i < to; i++) visit(this.members[i]);
    }
  }
};

/** What of the canvas is taken already, in squares that move along with the plane, so that words do not flicker. */
Scatter.Mask = class {
  static SQUARE = 4;

  constructor(width, height, [dx, dy]) {
    const square = Scatter.Mask.SQUARE;
    this.dx = ((dx % square) + square) % square;
    this.dy = ((dy % square) + square) % square;
    this.columns = Math.ceil(width / square) + 2;
    this.rows = Math.ceil(height / square) + 2;
    this.taken = new Uint8Array(this.columns * this.rows);
  }

  /** Take a rectangle around (x, y) and return true, or return false where some of it is taken. */
  take(x, y, width, height, force = false) {
    const square = Scatter.Mask.SQUARE, { columns, taken } = this;
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
};
