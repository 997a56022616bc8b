/** Numbers as people read them, with a real minus. */

const MINUS = '\u2212';

/** A number with a fixed count of decimals; a dash where there is none. */
export function fixed(value, decimals = 2) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const written = value.toFixed(decimals);
  return (Number(written) === 0 ? written.replace('-', '') : written).replace('-', MINUS);
}

/** A score or a margin: two decimals, and where these would say nothing two digits. */
export function amount(value) {
  const small = Number.isFinite(value) && value !== 0 && Math.abs(value) < 0.095;
  return small ? value.toPrecision(2).replaceAll('-', MINUS) : fixed(value);
}

/** A number with its sign always there. */
export function signed(value, decimals = 2) {
  return value >= 0 ? `+${fixed(value, decimals)}` : fixed(value, decimals);
}

/** A probability, small ones by their power of ten. */
export function chance(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return value >= 0.0005 || value === 0 ? value.toFixed(3) : value.toExponential(0).replace('-', MINUS);
}

/** A share in percent. */
export function percent(value) {
  if (value > 0 && value < 0.005) return '< 1%';
  return `${Math.round(100 * value)}%`;
}

/** A count with its thousands apart. */
export function count(value) {
  return value.toLocaleString('en');
}

/** Bytes in pairs: `f09f90b4` → `F0 9F 90 B4`. */
export function bytes(hex) {
  return (hex.match(/../g) ?? []).join(' ').toUpperCase();
}

/** A value within bounds. */
export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
