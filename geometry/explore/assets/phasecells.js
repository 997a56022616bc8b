/** A phase diagram of a head with a bias: who wins at each point of a grid, drawn as cells. */

const SIDE = 200; // pixels across

export class Cells {
  /**
   * @param {number[][]} grid places among the regions, the first weight along columns; -1 is outside
   * @param {import('./phaseplane.js').Plane|import('./phaseplane.js').Triangle} plane
   * @param {[number, number]} window lowest and highest weight
   */
  constructor(grid, plane, [low, high]) {
    const [width, height] = plane.size;
    this.scale = width / SIDE;
    this.rows = Math.round(height / this.scale);
    const step = (high - low) / (grid.length - 1);
    const cell = (value) => Math.min(Math.max(Math.round((value - low) / step), 0), grid.length - 1);
    this.regions = new Int16Array(SIDE * this.rows);
    for (let at = 0; at < this.regions.length; at++) {
      const place = [((at % SIDE) + 0.5) * this.scale, (Math.floor(at / SIDE) + 0.5) * this.scale];
      const [first, second] = plane.weights(place);
      this.regions[at] = plane.holds(place) ? grid[cell(second)][cell(first)] : -1;
    }
  }

  /** The place of the region at a place in the picture, or -1. */
  at([x, y]) {
    const [column, row] = [Math.floor(x / this.scale), Math.floor(y / this.scale)];
    return column < 0 || row < 0 || column >= SIDE || row >= this.rows ? -1 : this.regions[row * SIDE + column];
  }

  /** The cells as a picture, each in its region's colour. */
  paint(colors) {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [SIDE, this.rows];
    const pen = canvas.getContext('2d');
    this.regions.forEach((region, at) => {
      if (region < 0) return;
      pen.fillStyle = colors[region];
      pen.fillRect(at % SIDE, Math.floor(at / SIDE), 1, 1);
    });
    return canvas;
  }

  /** The deepest point of every region: distances are counted in steps to a neighbour, there and back. */
  depths(count) {
    const depth = new Float32Array(this.regions.length);
    const pass = (order, beside) => order((at) => {
      const [column, row] = [at % SIDE, Math.floor(at / SIDE)];
      let least = Infinity;
      for (const [dx, dy, far] of beside) {
        const [x, y] = [column + dx, row + dy];
        const out = x < 0 || y < 0 || x >= SIDE || y >= this.rows;
        const other = y * SIDE + x;
        least = Math.min(least, out || this.regions[other] !== this.regions[at] ? far / 2 : depth[other] + far);
      }
      depth[at] = beside === BEFORE ? least : Math.min(depth[at], least);
    });
    const size = depth.length;
    pass((visit) => { for (let at = 0; at < size; at++) visit(at); }, BEFORE);
    pass((visit) => { for (let at = size - 1; at >= 0; at--) visit(at); }, AFTER);
    const best = Array.from({length: count}, () => ({point: [0, 0], depth: 0}));
    this.regions.forEach((region, at) => {
      if (region < 0 || depth[at] * this.scale <= best[region].depth) return;
      const place = [((at % SIDE) + 0.5) * this.scale, (Math.floor(at / SIDE) + 0.5) * this.scale];
      best[region] = {point: place, depth: depth[at] * this.scale};
    });
    return best;
  }
}

const BEFORE = [[-1, 0, 1], [0, -1, 1], [-1, -1, Math.SQRT2], [1, -1, Math.SQRT2]];
const AFTER = BEFORE.map(([x, y, far]) => [-x, -y, far]);
