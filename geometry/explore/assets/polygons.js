/** Polygons in the plane: a point's region, and the deepest point of one. */

/** Whether a point is inside; points are pairs. */
export function inside([x, y], polygon) {
  let within = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [[ax, ay], [bx, by]] = [polygon[i], polygon[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

/** The distance to the outline, negative outside. */
export function depth([x, y], polygon) {
  let nearest = Infinity;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [[ax, ay], [bx, by]] = [polygon[i], polygon[j]];
    const [dx, dy] = [bx - ax, by - ay];
    const along = dx || dy ? Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0), 1) : 0;
    nearest = Math.min(nearest, Math.hypot(x - ax - along * dx, y - ay - along * dy));
  }
  return inside([x, y], polygon) ? nearest : -nearest;
}

/**
 * The point of a polygon that lies furthest from its outline, to a hundredth of its size.
 *
 * Squares are halved into four; one whose middle cannot be beaten by more than the precision within it is dropped.
 *
 * @returns {{point: [number, number], depth: number}}
 */
export function deepest(polygon) {
  const [xs, ys] = [polygon.map((p) => p[0]), polygon.map((p) => p[1])];
  const [left, low] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) - left, Math.max(...ys) - low];
  const precision = Math.max(width, height) / 100;
  const half = Math.min(width, height) / 2;
  let best = square([left + width / 2, low + height / 2], 0, polygon);
  let waiting = [];
  for (let x = left + half; half > 0 && x <= left + width; x += half) {
    for (let y = low + half; y <= low + height; y += half) waiting.push(square([x, y], half, polygon));
  }
  while (waiting.length) {
    for (const one of waiting) if (one.depth > best.depth) best = one;
    const promising = waiting.filter((one) => one.depth + one.half * Math.SQRT2 > best.depth + precision);
    waiting = promising.flatMap(({point: [x, y], half: h}) => [[-1, -1], [-1, 1], [1, -1], [1, 1]]
      .map(([i, j]) => square([x + (i * h) / 2, y + (j * h) / 2], h / 2, polygon)));
  }
  return {point: best.point, depth: best.depth};
}

function square(point, half, polygon) {
  return {point, half, depth: depth(point, polygon)};
}
