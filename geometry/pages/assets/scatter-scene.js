'use strict';

/** What there is to draw: the points, where they are seen from, what is meant, and in which sizes and colours. */
Scatter.Scene = class {
  static FAMILY = 'system-ui, "DejaVu Sans", Verdana, sans-serif, "Noto Color Emoji", "Apple Color Emoji", '
    + '"Segoe UI Emoji"';

  static LONGEST = 22; // characters of a word that are drawn

  constructor(data) {
    const { x, y, text } = data.points;
    this.data = data;
    this.points = data.points;
    const sums = data.composites ?? [];
    this.plane = new Scatter.Plane([...x, ...sums.map((one) => one.x)], [...y, ...sums.map((one) => one.y)]);
    this.grid = new Scatter.Grid(x, y, this.plane.bounds);
    this.labels = text.map(Scatter.Scene.word);
    this.shown = new Uint8Array(x.length).fill(1);
    this.sprites = null;
    this.composites = [];
    this.covers = [];
    this.marked = [];
    this.dimmed = false;
    this.picked = null;
    this.hovered = null;
    this.look = {};
  }

  /** A token as the map writes it: without the space before it, and not too long. */
  static word(text) {
    const bare = [...text.replace(/^ /, '')], { LONGEST } = Scatter.Scene;
    return bare.length > LONGEST ? `${bare.slice(0, LONGEST - 1).join('')}…` : bare.join('');
  }

  setLook(style) {
    const color = (name, other) => style.getPropertyValue(name).trim() || other;
    this.look = {
      paper: color('--paper', '#ffffff'), ink: color('--ink', '#1f2328'), grey: color('--grey', '#6e7781'),
      line: color('--line', '#d9dee4'), accent: color('--accent', '#0072b2'), warm: color('--warm', '#d55e00'),
    };
  }

  /** CSS pixels along the square that a point has to itself, where there are points. */
  get room() { return this.grid.spacing * this.plane.zoom; }

  /** CSS pixels along a picture. */
  get side() { return Scatter.clamp(this.room * 1.15, 8, 42); }

  /** Half of those along a dot. */
  get dot() { return Scatter.clamp(this.room * 0.25, 1.1, 2.6); }

  /** Those of the words' letters. */
  get letters() { return Scatter.clamp(this.room * 0.5, 10.5, 13); }

  /** Whether a point has a picture that can be drawn. */
  pictured(i) { return this.sprites !== null && this.points.sprite[i] >= 0; }

  at(i) { return this.plane.toScreen(this.points.x[i], this.points.y[i]); }

  /** The canvas's own places of what lies over it: middle, width and height. */
  covered(canvas) {
    const own = canvas.getBoundingClientRect();
    return this.covers.map((element) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      return [left - own.left + width / 2, top - own.top + height / 2, width + 8, height + 8];
    });
  }

  places(positions) { return positions.map((i) => [this.points.x[i], this.points.y[i]]); }

  nearestTo(sx, sy, reach) {
    const [x, y] = this.plane.toPlane(sx, sy), far = reach / this.plane.zoom;
    let best = null, least = far * far;
    this.grid.each(x - far, x + far, y - far, y + far, (i) => {
      const away = (this.points.x[i] - x) ** 2 + (this.points.y[i] - y) ** 2;
      if (this.shown[i] && away <= least) [best, least] = [i, away];
    });
    return best;
  }

  /** Return the shown points that the canvas shows, or that lie so many CSS pixels beside it, in their order. */
  seen(edge) {
    const { width, height } = this.plane, found = [];
    const [left, high] = this.plane.toPlane(-edge, -edge);
    const [right, low] = this.plane.toPlane(width + edge, height + edge);
    this.grid.each(left, right, low, high, (i) => { if (this.shown[i]) found.push(i); });
    return Int32Array.from(found).sort();
  }

  /** Write a line around a place, on a rim of the paper's colour. */
  write(pen, text, x, y, size, color, weight = 400) {
    pen.font = `${weight} ${size}px ${Scatter.Scene.FAMILY}`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.lineJoin = 'round';
    pen.lineWidth = 3;
    pen.strokeStyle = this.look.paper;
    pen.strokeText(text, x, y);
    pen.fillStyle = color;
    pen.fillText(text, x, y);
  }
};
