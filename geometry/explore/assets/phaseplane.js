/** Where weights stand on a phase diagram: a square of two weights, or a triangle of three proportions. */

import {clamp} from './numbers.js';

export const SIDE = 400;
const HEIGHT = (SIDE * Math.sqrt(3)) / 2;

/** A square: weights from the window's low to its high, the second one upwards. */
export class Plane {
  constructor([low, high]) {
    this.low = low;
    this.high = high;
    this.size = [SIDE, SIDE];
    this.outline = [[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]];
  }

  /** Weights → place in the picture. */
  place([first, second]) {
    const scale = SIDE / (this.high - this.low);
    return [(first - this.low) * scale, SIDE - (second - this.low) * scale];
  }

  /** Place → weights, kept inside. */
  weights([x, y]) {
    const scale = (this.high - this.low) / SIDE;
    return [this.low + clamp(x, 0, SIDE) * scale, this.high - clamp(y, 0, SIDE) * scale];
  }

  /** Whether a place is in the picture's own area. */
  holds([x, y]) {
    return x >= 0 && y >= 0 && x <= SIDE && y <= SIDE;
  }

  /** The weights one step further, to a twentieth. */
  moved(weights, [dx, dy]) {
    const step = (value, by) => clamp(Math.round((value + 0.05 * by) * 20) / 20, this.low, this.high);
    return [step(weights[0], dx), step(weights[1], -dy)];
  }
}

/** A triangle: first term at the lower left, second at the lower right, third at the top. */
export class Triangle {
  constructor() {
    this.size = [SIDE, HEIGHT];
    this.outline = [[0, HEIGHT], [SIDE, HEIGHT], [SIDE / 2, 0]];
  }

  place(proportions) {
    const sum = proportions.reduce((all, one) => all + one, 0) || 1;
    const mean = (axis) => this.outline.reduce((all, corner, at) => all + (proportions[at] / sum) * corner[axis], 0);
    return [mean(0), mean(1)];
  }

  weights([x, y]) {
    const kept = shares([x, y]).map((share) => Math.max(share, 0));
    const sum = kept[0] + kept[1] + kept[2];
    return kept.map((share) => share / sum);
  }

  holds(place) {
    return shares(place).every((share) => share >= 0);
  }

  moved(proportions, [dx, dy]) {
    const [x, y] = this.place(proportions);
    return this.weights([x + (dx * SIDE) / 50, y + (dy * SIDE) / 50]);
  }
}

function shares([x, y]) {
  const third = 1 - y / HEIGHT;
  const second = x / SIDE - third / 2;
  return [1 - second - third, second, third];
}
