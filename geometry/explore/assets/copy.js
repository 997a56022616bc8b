/** Buttons that copy what is seen as a command line and as Python. */

import {make, replace} from './dom.js';

const SHOWN = 1600;

/**
 * Put the buttons into a box.
 * @param {HTMLElement} box
 * @param {() => {command: string, python: string}|null} what is to be copied now
 */
export function copyButtons(box, what) {
  const said = make('span', {class: 'small grey', role: 'status'});
  const code = make('textarea', {class: 'code', readonly: true, rows: 3, hidden: true, 'aria-label': 'to be copied'});
  const button = (label, key) => make('button', {type: 'button', data: {copy: key}, text: label,
    on: {click: () => copy(what()?.[key] ?? '', said, code)}});
  replace(box, button('copy as command', 'command'), button('copy as Python', 'python'), said, code);
}

async function copy(text, said, code) {
  if (!text) return;
  code.hidden = true;
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = 'copied';
    setTimeout(() => { said.textContent = ''; }, SHOWN);
  } catch {
    // no clipboard for a page that is neither local nor encrypted: it is shown and selected
    code.value = text;
    code.hidden = false;
    code.focus();
    code.select();
    said.textContent = 'press Ctrl+C';
  }
}
