/** What the map says of itself, and its view as text. */

const LONGEST = 40;

/** How far a map is to be trusted, in a few words; what the map itself notes says of how many nearest that is. */
export function trustText(data) {
  const parts = [];
  if (Number.isFinite(data.trust)) parts.push(`trust ${data.trust.toFixed(2)}`);
  const nearest = data.notes.length ? 'nearest' : '10 nearest';
  if (Number.isFinite(data.overlap)) parts.push(`keeps ${Math.round(100 * data.overlap)}% of the ${nearest}`);
  return [parts.join(' · '), ...data.notes].filter(Boolean).join('; ');
}

/** An expression as a label on the map: a long one by its beginning. */
export function labelOf(expression) {
  const points = [...expression];
  return points.length > LONGEST ? `${points.slice(0, LONGEST - 1).join('')}…` : expression;
}

/** A view as the address has it. */
export function viewText({x, y, scale}) {
  return [x, y, scale].map((value) => Number(value.toFixed(3))).join(',');
}

/** A view from the address, or null. */
export function viewOf(text) {
  const [x, y, scale] = text.split(',').map(Number);
  return text && [x, y, scale].every(Number.isFinite) && scale > 0 ? {x, y, scale} : null;
}
