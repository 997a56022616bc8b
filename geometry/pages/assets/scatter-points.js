'use strict';

/** The pictures of an atlas, and smaller ones made once: a picture is never made much smaller while it is drawn. */
Scatter.Sprites = class {
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
};
/** All points, drawn onto a canvas of their own: it stays as it is while only the pointer or a sum moves. */
Scatter.Points = class {
  static WORDS_FROM = 5.5; // CSS pixels of room; with less a word stays a dot

  static EDGE = 120; // CSS pixels beside the canvas from where a word may reach into it

  constructor(scene) {
    this.scene = scene;
    this.canvas = document.createElement('canvas');
    this.widths = new Float32Array(scene.labels.length); // of words, in letters' sizes; 0 where not yet measured
  }

  draw(ratio) {
    const pen = this.canvas.getContext('2d'), { scene } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, scene.plane.width, scene.plane.height);
    const seen = scene.seen(Scatter.Points.EDGE);
    const pictures = seen.filter((i) => scene.pictured(i)), words = seen.filter((i) => !scene.pictured(i));
    const named = this.place(pen, words, pictures);
    this.halos(pen, pictures);
    this.dots(pen, words, named);
    this.pictures(pen, pictures, ratio);
    for (const i of named) scene.write(pen, scene.labels[i], ...scene.at(i), scene.letters, scene.look.ink);
  }

  static round(path, x, y, radius) {
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
  }

  halos(pen, pictures) {
    const radius = this.scene.side * 0.66;
    // one path a group, so that a group's halos melt into one
    const paths = this.paths(pictures, (path, x, y) => {
      Scatter.Points.round(path, x, y, radius);
    });
    this.fill(pen, paths, 0.26);
  }

  dots(pen, words, named) {
    const half = this.scene.dot, written = new Set(named);
    // squares: discs are behind emoji, and kinds of words are told from groups by more than a colour
    const paths = this.paths(words.filter((i) => !written.has(i)), (path, x, y) => {
      path.rect(x - half, y - half, 2 * half, 2 * half);
    });
    this.fill(pen, paths, named.length ? 0.6 : 0.85);
  }

  paths(positions, trace) {
    const paths = new Map(), { scene } = this, { group } = scene.points;
    for (const i of positions) {
      if (!paths.has(group[i])) paths.set(group[i], new Path2D());
      trace(paths.get(group[i]), ...scene.at(i));
    }
    return paths;
  }

  fill(pen, paths, alpha) {
    pen.globalAlpha = alpha;
    for (const [group, path] of paths) {
      pen.fillStyle = this.scene.data.groups[group].color;
      pen.fill(path);
    }
    pen.globalAlpha = 1;
  }

  pictures(pen, positions, ratio) {
    if (!positions.length) return;
    const { scene } = this, { side, sprites } = scene, level = sprites.level(side * ratio);
    for (const i of positions) sprites.draw(pen, level, scene.points.sprite[i], ...scene.at(i), side);
  }

  /** Return the words that are written: in their order, each where nothing was before it. */
  place(pen, words, pictures) {
    const { scene } = this, { EDGE, WORDS_FROM } = Scatter.Points;
    if (!words.length || scene.room < WORDS_FROM) return [];
    const { width, height } = scene.plane, size = scene.letters, side = scene.side * 0.8;
    const shifted = ([x, y]) => [x + EDGE, y + EDGE];
    const mask = new Scatter.Mask(width + 2 * EDGE, height + 2 * EDGE, shifted(scene.plane.toScreen(0, 0)));
    for (const i of pictures) mask.take(...shifted(scene.at(i)), side, side, true);
    pen.font = `${size}px ${Scatter.Scene.FAMILY}`;
    const wide = (i) => (this.widths[i] ||= pen.measureText(scene.labels[i]).width / size);
    return [...words].filter((i) => mask.take(...shifted(scene.at(i)), wide(i) * size + 4, size * 1.15));
  }
};
