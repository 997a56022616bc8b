
/** The page around the map: search, card, sums, groups. */
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId('map-data').textContent);
  const points = data.points;
  const SHOWN = 12; // matches that are listed; all are marked on the map
  const MARKED = 400;

  const scatter = new Scatter(byId('map'), data, byId('atlas'), { onHover: tell, onPick: tell, onLoad: again });
  const visible = new Set(data.groups.keys());
  let told = null; // the position in the card

  // ---- small parts

  function make(tag, className = '', text = '') {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text) element.textContent = text;
    return element;
  }

  /** A token as a line of text shows it: a space before it as a dot. */
  const shown = (position) => points.text[position].replace(/^ /, '·');

  const title = (position) => points.name[position] || shown(position);

  function picture(position, side) {
    if (points.sprite[position] < 0) return make('span', 'picture none');
    const canvas = make('canvas', 'picture');
    canvas.width = canvas.height = Math.round(side * Math.min(window.devicePixelRatio, 3));
    canvas.setAttribute('aria-hidden', 'true');
    scatter.stamp(canvas, position);
    return canvas;
  }

  /** Text from a token keeps its direction to itself. */
  function token(tag, className, text) {
    const element = make(tag, className, text);
    element.dir = 'auto';
    return element;
  }

  // ---- the card

  function again() {
    told = undefined;
    tell(scatter.current);
  }

  function tell(position) {
    const now = position ?? scatter.picked;
    if (now === told) return;
    told = now;
    byId('card').replaceChildren(...(now === null ? hint() : details(now)));
    byId('said').textContent = now === null ? '' : `${title(now)}, ${data.groups[points.group[now]].name}; nearest: ${
      points.nearest[now].slice(0, 3).map(title).join(', ')}`;
  }

  function hint() {
    return [make('p', 'grey', 'Point at something on the map, or find it by name: what it is, and what is nearest to '
      + 'it, stand here.')];
  }

  function details(position) {
    const head = make('div', 'head'), group = data.groups[points.group[position]];
    const large = points.sprite[position] < 0 ? token('span', 'big', shown(position)) : picture(position, 72);
    head.append(large, make('h2', '', points.name[position]));
    const facts = make('dl');
    for (const [name, value] of [
      ['token', `${shown(position)}  #${points.id[position]}`],
      ['bytes', points.bytes[position].toUpperCase().replace(/..(?=.)/g, '$& ')],
      ['norm', points.norm[position] === null ? '–' : points.norm[position].toPrecision(4)],
      ['group', group.name],
    ]) facts.append(make('dt', '', name), token('dd', '', value));
    const over = make('h3', '', 'nearest in full dimension');
    over.append(make('span', '', 'cosine similarity'));
    return [head, facts, over, ...nearest(points.nearest[position], points.similarity[position])];
  }

  function nearest(positions, similarities) {
    return positions.map((position, i) => {
      const row = make('button', visible.has(points.group[position]) ? 'row' : 'row off');
      row.type = 'button';
      row.append(picture(position, 22), token('span', 'name', title(position)), rail(similarities[i]),
        make('span', 'score', similarities[i].toFixed(3).replace('-', '−')));
      row.title = title(position);
      row.addEventListener('click', () => choose(position));
      return row;
    });
  }

  function rail(value) {
    const outer = make('span', 'rail'), inner = make('i');
    inner.style.width = `${Math.max(Math.min(value, 1), 0) * 100}%`;
    outer.append(inner);
    return outer;
  }

  /** Pick a point from beside the map; its group is shown, or it could not be seen. */
  function choose(position) {
    if (!visible.has(points.group[position])) {
      visible.add(points.group[position]);
      showGroups();
    }
    scatter.pick(position);
    scatter.focus(position);
  }

  // ---- search

  const find = byId('find'), found = byId('found');
  const seek = new Scatter.Search(points);
  let listed = [], active = -1;

  function search() {
    const all = seek.matches(find.value);
    listed = all.slice(0, SHOWN);
    active = listed.length ? 0 : -1;
    found.replaceChildren(...listed.map((position, i) => option(position, i)));
    open(listed.length > 0);
    scatter.highlight(all.slice(0, MARKED));
    byId('count').textContent = find.value.trim() === '' ? ''
      : all.length > SHOWN ? `${all.length.toLocaleString('en')} matches, the first ${SHOWN} listed`
        : `${all.length || 'no'} match${all.length === 1 ? '' : 'es'}`;
  }

  function option(position, i) {
    const item = make('li');
    item.id = `found-${i}`;
    item.setAttribute('role', 'option');
    item.append(picture(position, 22), token('span', 'name', title(position)),
      make('span', 'grey small', `#${points.id[position]}`));
    item.addEventListener('pointerdown', (event) => { event.preventDefault(); take(position); });
    return item;
  }

  function open(on) {
    found.hidden = !on;
    find.setAttribute('aria-expanded', String(on));
    [...found.children].forEach((item, i) => item.setAttribute('aria-selected', String(i === active)));
    if (on && active >= 0) find.setAttribute('aria-activedescendant', `found-${active}`);
    else find.removeAttribute('aria-activedescendant');
    if (on) found.children[active]?.scrollIntoView({ block: 'nearest' });
  }

  function take(position) {
    open(false);
    scatter.highlight([]);
    choose(position);
  }

  find.addEventListener('input', search);
  find.addEventListener('focus', () => { if (listed.length) open(true); });
  find.addEventListener('blur', () => open(false));
  find.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const by = event.key === 'ArrowDown' ? 1 : -1;
      active = listed.length ? (active + by + listed.length) % listed.length : -1;
      open(listed.length > 0);
    } else if (event.key === 'Enter' && active >= 0) take(listed[active]);
    else if (event.key === 'Escape') {
      find.value = '';
      search();
    } else return;
    event.preventDefault();
  });

  // ---- sums

  function sums() {
    byId('sums').hidden = !data.composites.length;
    byId('sums').querySelector('ul').append(...data.composites.map((one) => {
      const item = make('li'), row = make('button', 'row');
      row.type = 'button';
      const near = one.nearest.filter((i) => !one.terms.includes(i)).slice(0, 3).map(title).join(', ');
      row.append(token('b', '', one.expression), token('span', '', `lands on ${landing(one)}`),
        token('span', 'grey small', `nearest in full dimension: ${near}`));
      row.addEventListener('click', () => showSum(one));
      item.append(row);
      return item;
    }));
  }

  const landing = (one) => one.winner === null ? `${one.winner_text.replace(/^ /, '·')}, which is not on this map`
    : title(one.winner);

  function showSum(one) {
    const ends = one.winner === null ? one.terms : [one.winner, ...one.terms];
    scatter.pick(null);
    scatter.reveal([[one.x, one.y], ...ends.map((i) => [points.x[i], points.y[i]])]);
  }

  // ---- groups

  const boxes = data.groups.map((group, index) => {
    const box = make('input');
    box.type = 'checkbox';
    box.checked = true;
    box.addEventListener('change', () => {
      if (box.checked) visible.add(index);
      else visible.delete(index);
      showGroups();
    });
    return box;
  });

  function showGroups() {
    boxes.forEach((box, index) => { box.checked = visible.has(index); });
    scatter.setGroups(visible);
    again();
  }

  function groups() {
    const sizes = data.groups.map(() => 0);
    for (const group of points.group) sizes[group]++;
    byId('groups').querySelector('.rows').append(...data.groups.map((group, index) => {
      const label = make('label', 'row'), dot = make('span', group.square ? 'dot square' : 'dot');
      dot.style.background = group.color;
      label.append(boxes[index], dot, make('span', 'name', group.name),
        make('span', 'number', sizes[index].toLocaleString('en')));
      return label;
    }));
    for (const button of byId('groups').querySelectorAll('[data-all]')) {
      button.addEventListener('click', () => {
        visible.clear();
        if (button.dataset.all === '1') for (const index of boxes.keys()) visible.add(index);
        showGroups();
      });
    }
  }

  for (const button of document.querySelectorAll('[data-act]')) {
    const acts = { in: () => scatter.zoom(1.5, undefined, undefined, true), fit: () => scatter.fit(),
      out: () => scatter.zoom(1 / 1.5, undefined, undefined, true) };
    button.addEventListener('click', acts[button.dataset.act]);
  }
  scatter.keepClear(document.querySelectorAll('.buttons.over'));
  byId('map').scatter = scatter; // for the console, and for tests
  sums();
  groups();
  again();
})();
