/** The page of `geometry explore`: heads, tabs and address; the sum, the map and the lens are modules of their own. */

import {Away, ask} from './api.js';
import {Connection} from './connection.js';
import {find, make, replace} from './dom.js';
import {LensPanel} from './lenspanel.js';
import {MapPanel} from './mappanel.js';
import {count} from './numbers.js';
import {State} from './state.js';
import {Sum} from './sum.js';
import {Tabs} from './tabs.js';

const connection = new Connection(find('away'));

/** Ask for the heads; begin once they are known. */
async function start() {
  try {
    begin(await ask('/api/heads'));
  } catch (error) {
    if (!(error instanceof Away)) throw error;
    connection.lost('heads', start);
  }
}

function begin(told) {
  const heads = new Map(told.heads.map((head) => [head.name, head]));
  const state = new State(() => applyState(page));
  const page = {state, connection, heads, limits: told.limits, standard: told.default,
    answered: false, onAnswer: (answer) => announce(page, answer)};
  page.map = new MapPanel(state, connection, () => {
    page.sum.redraw();
    page.sum.phase.redraw();
    page.lens.redraw();
  });
  page.sum = new Sum(page);
  page.lens = new LensPanel(page);
  page.tabs = new Tabs(find('tabs'), (tab) => {
    state.set({tab}, {step: true});
    showTab(page);
  });
  replace(find('head'), ...told.heads.map((head) => make('option', {value: head.name, text: head.name})));
  find('expression').maxLength = told.limits.expression;
  find('prompt').maxLength = told.limits.prompt;
  listen(page);
  document.body.classList.remove('starting');
  applyState(page);
}

function listen(page) {
  const {state} = page;
  find('head').addEventListener('change', () => {
    state.set({head: find('head').value, view: '', hide: ''}, {step: true});
    applyState(page);
  });
  find('space').addEventListener('change', () => {
    state.set({space: find('space').value, view: ''});
    page.map.load();
    page.sum.ask();
  });
  find('among').addEventListener('change', () => {
    state.set({among: find('among').value});
    page.sum.ask();
  });
}

/** Show what the address says: at the start, with another head, and after going back. */
function applyState(page) {
  const {state, heads} = page;
  if (!heads.has(state.get('head'))) state.set({head: page.standard});
  const head = heads.get(state.get('head'));
  const spaces = head.spaces;
  if (!spaces.includes(state.get('space'))) state.set({space: spaces.includes('folded') ? 'folded' : spaces[0]});
  find('head').value = find('head').title = head.name;
  replace(find('space'), ...spaces.map((space) => make('option', {value: space, text: space})));
  find('space').value = state.get('space');
  find('among').value = state.get('among');
  const size = `${count(head.vocab)} × ${head.dim}`;
  find('origin').textContent = [head.name, head.fingerprint, size, head.spelling].join(' · ');
  showExamples(page, head);
  if (head.maps) page.map.load();
  else page.map.none(`No map of emoji on this head: ${head.spelling}.`);
  page.sum.restore();
  showTab(page);
}

function showExamples(page, head) {
  replace(find('examples'), ...[head.examples ?? head.example].flat().map((example) =>
    make('li', {}, make('button', {type: 'button', text: example, on: {click: () => page.sum.offer(example)}}))));
  find('expression').placeholder = [head.examples ?? head.example].flat()[0];
}

function showTab(page) {
  const tab = page.state.get('tab');
  page.tabs.show(tab);
  for (const name of ['why', 'phase', 'missing', 'lens']) find(`panel-${name}`).hidden = name !== tab;
  find('map-stage').hidden = tab === 'lens';
  find('lens-stage').hidden = tab !== 'lens';
  find('card').hidden = tab === 'lens' || !page.answered;
  page.sum.phase.follow();
  page.lens.follow();
}

/** Take note of an answer to a sum, or of there being none. */
function announce(page, answer) {
  page.answered = answer !== null;
  find('card').hidden = page.state.get('tab') === 'lens' || !page.answered;
  document.title = answer ? `${answer.winner.text.trim()} · ${answer.expression} · geometry` : 'geometry explore';
}

start();
