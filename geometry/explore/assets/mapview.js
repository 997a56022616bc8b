/** What the map says of itself, and its view as text. */

/** How far a map is to be trusted, in a few words. */
export function trustText(data) {
  const parts = [];
  if (Number.isFinite(data.trust)) parts.push(`trust ${data.trust.toFixed(2)}`);
  if (Number.isFinite(data.overlap)) parts.push(`keeps ${Math.round(100 * data.overlap)}% of the 10 nearest`);
  return parts.join(' · ');
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
