/** Elements, made and filled without any markup: what a server or a person wrote only ever becomes text. */

/**
 * Make an element.
 * @param {string} tag
 * @param {object} [given] `class`, `text`, `on` (events), `data`, anything else an attribute; null leaves one out.
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function make(tag, given = {}, ...children) {
  return fill(document.createElement(tag), given, children);
}

/** The same for SVG. */
export function draw(tag, given = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), given, children);
}

function fill(element, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') element.textContent = value;
    else if (name === 'on') for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === 'data') Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The element with an id; it is a mistake of ours if there is none. */
export function find(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** Put other children in an element's place. */
export function replace(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

/** Call `act` once, `wait` milliseconds after the last call. */
export function debounced(act, wait) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), wait);
  };
}

/** Call `act` with the newest arguments, at most once a frame. */
export function framed(act) {
  let waiting = null;
  return (...given) => {
    if (waiting === null) {
      requestAnimationFrame(() => {
        const newest = waiting;
        waiting = null;
        act(...newest);
      });
    }
    waiting = given;
  };
}

/** Whether the reader asked for less motion. */
export function still() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

const KEYS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

/** The step that an arrow key means, (columns, rows), or null. */
export function arrow(event) {
  return event.ctrlKey || event.metaKey || event.altKey ? null : KEYS[event.key] ?? null;
}
