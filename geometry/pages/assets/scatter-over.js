'use strict';

/** What lies over the points and changes with the pointer: sums and their links, marked, picked and current points. */
Scatter.Over = class {
  static LARGEST = 62; // CSS pixels along a picture that stands out

  constructor(scene) { this.scene = scene; }

  /** Draw the points from their own canvas, and everything else upon them. */
  draw(canvas, points, ratio) {
    const pen = canvas.getContext('2d'), { scene } = this, { look, picked, marked } = scene;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.globalAlpha = scene.dimmed ? 0.25 : marked.length || picked !== null ? 0.45 : 1;
    pen.drawImage(points, 0, 0);
    pen.globalAlpha = 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.ratio = ratio;
    for (const i of marked) if (scene.shown[i]) this.mark(pen, i, 1.15, look.accent);
    if (picked !== null) this.nearest(pen, picked);
    this.sums(pen, scene.covered(canvas));
    const now = scene.hovered ?? picked;
    if (now !== null) this.current(pen, now);
  }

  wide(larger) { return Math.min(this.scene.side * larger, Scatter.Over.LARGEST); }

  /** A point with a ring. */
  mark(pen, i, larger, color, thick = 1.5) {
    const { scene } = this, [x, y] = scene.at(i), side = this.wide(larger), pictured = scene.pictured(i);
    pen.beginPath();
    pen.arc(x, y, pictured ? side * 0.68 : scene.dot + 1.5, 0, 2 * Math.PI);
    pen.fillStyle = pictured ? scene.look.paper : color;
    pen.fill();
    if (!pictured) {
      if (larger > 1.2) scene.write(pen, scene.labels[i], x, y - 12, 12.5, scene.look.ink, 600);
      return;
    }
    pen.lineWidth = thick;
    pen.strokeStyle = color;
    pen.stroke();
    scene.sprites.draw(pen, scene.sprites.level(side * this.ratio), scene.points.sprite[i], x, y, side);
  }

  nearest(pen, picked) {
    const { scene } = this, { accent } = scene.look;
    const nearest = scene.points.nearest[picked].filter((i) => scene.shown[i]);
    for (const i of nearest) this.line(pen, scene.at(picked), scene.at(i), accent, 1, 0.55);
    for (const i of nearest) this.mark(pen, i, 1.25, accent);
    this.mark(pen, picked, 1.7, accent, 2.5);
  }

  current(pen, i) {
    const { scene } = this, [x, y] = scene.at(i), larger = 1.7;
    this.mark(pen, i, larger, i === scene.picked ? scene.look.accent : scene.look.ink, 2.5);
    if (!scene.pictured(i)) return;
    const name = scene.points.name[i] || scene.labels[i];
    scene.write(pen, name, x, y + this.wide(larger) * 0.68 + 11, 12.5, scene.look.ink, 600);
  }

  line(pen, from, to, color, thick, alpha, dash = []) {
    pen.globalAlpha = alpha;
    pen.strokeStyle = color;
    pen.lineWidth = thick;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  /** Draw sums, and the names of what has no picture where nothing of them is hidden: `taken` is so from the first. */
  sums(pen, taken) {
    const { scene } = this, { ink, warm, grey } = scene.look;
    const here = (one) => scene.plane.toScreen(one.x, one.y), winner = (one) => one.winner ?? null;
    for (const one of scene.composites) {
      for (const i of one.terms ?? []) this.line(pen, here(one), scene.at(i), grey, 1.2, 0.8);
      if (winner(one) === null) continue;
      this.line(pen, here(one), scene.at(one.winner), warm, 2.5, 0.95, one.ghost ? [5, 4] : []);
    }
    const terms = [...new Set(scene.composites.flatMap((one) => one.terms ?? []))].filter((i) => scene.shown[i]);
    for (const i of terms) this.mark(pen, i, 1.2, grey);
    for (const i of terms.filter((one) => scene.pictured(one))) this.take(taken, scene.at(i), this.wide(1.2) * 1.36);
    for (const one of scene.composites.filter((each) => winner(each) !== null)) {
      this.mark(pen, one.winner, 1.9, warm, 2.5);
      this.take(taken, scene.at(one.winner), this.wide(1.9) * 1.36);
    }
    for (const one of scene.composites) {
      this.diamond(pen, here(one), one.ghost);
      this.take(taken, here(one), 17);
    }
    for (const one of scene.composites) {
      this.label(pen, one.label ?? one.expression, here(one), one.ghost ? 25 : 15, one.ghost ? grey : ink, taken);
    }
    for (const i of terms.filter((one) => !scene.pictured(one))) this.word(pen, i, taken);
  }

  take(taken, [x, y], side) { taken.push([x, y, side, side]); }

  diamond(pen, [x, y], ghost) {
    const r = 7.5, { paper, warm, ink } = this.scene.look;
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

  /** Take the first side of a place where a text covers nothing of `taken` and stays on the canvas. */
  beside([x, y], wide, tall, apart, taken) {
    const { width, height } = this.scene.plane, across = apart + wide / 2, up = apart + tall / 2;
    const sides = [[across, 0], [-across, 0], [0, -up], [0, up], [across, -up], [across, up], [-across, -up],
      [-across, up], [0, -up - tall], [0, up + tall], [across, -up - tall], [across, up + tall], [-across, -up - tall],
      [-across, up + tall]].map(([dx, dy]) => [x + dx, y + dy]);
    const inside = ([cx, cy]) => cx > wide / 2 && cx < width - wide / 2 && cy > tall / 2 && cy < height - tall / 2;
    const free = ([cx, cy]) => !taken.some(([ox, oy, w, h]) =>
      Math.abs(ox - cx) < (w + wide) / 2 && Math.abs(oy - cy) < (h + tall) / 2 + 2);
    const found = sides.find((side) => inside(side) && free(side)) ?? sides.find(inside) ?? sides[0];
    taken.push([...found, wide, tall]);
    return found;
  }

  /** Write a token that has no picture beside its dot. */
  word(pen, i, taken) {
    const { scene } = this, size = 12.5;
    pen.font = `600 ${size}px ${Scatter.Scene.FAMILY}`;
    const wide = pen.measureText(scene.labels[i]).width + 6;
    const [x, y] = this.beside(scene.at(i), wide, 16, scene.dot + 3, taken);
    scene.write(pen, scene.labels[i], x, y, size, scene.look.ink, 600);
  }

  /** Write a sum's name beside its diamond. */
  label(pen, text, at, apart, color, taken) {
    const { scene } = this, size = 13, tall = 24;
    pen.font = `600 ${size}px ${Scatter.Scene.FAMILY}`;
    const most = 0.6 * scene.plane.width, first = pen.measureText(text).width;
    if (first > most) text = `${text.slice(0, Math.floor(text.length * most / first))}…`;
    const wide = pen.measureText(text).width + 18, [cx, cy] = this.beside(at, wide, tall, apart, taken);
    pen.beginPath();
    pen.roundRect(cx - wide / 2, cy - tall / 2, wide, tall, tall / 2);
    pen.globalAlpha = 0.94;
    pen.fillStyle = scene.look.paper;
    pen.fill();
    pen.globalAlpha = 1;
    pen.lineWidth = 1;
    pen.strokeStyle = scene.look.line;
    pen.stroke();
    scene.write(pen, text, cx, cy + 0.5, size, color, 600);
  }
};
