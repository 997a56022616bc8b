"use strict";
for (const root of document.querySelectorAll(".lens")) {
  const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const cells = [...root.querySelectorAll("td.cell")];
  const tip = root.querySelector(".tip");
  const at = (layer, column) => data.cells[layer][column];
  let chosen = data.positions.length - 1;
  let measure = 0;

  const short = (p) => p === null ? "–" : p >= 0.0005 ? p.toFixed(3) : p.toExponential(0);
  const number = (v) => v === null ? "–" : v < 1000 ? v.toFixed(2) : v.toPrecision(3);
  const signed = (v) => v.toFixed(3).replace("-", "−");

  function color(value) {
    if (value === null) return ["var(--soft)", "var(--ink)"];
    const stops = data.ramp, x = Math.min(Math.max(value, 0), 1) * (stops.length - 1);
    const i = Math.min(Math.floor(x), stops.length - 2);
    const rgb = stops[i].map((c, n) => Math.round(c + (stops[i + 1][n] - c) * (x - i)));
    const dark = rgb[0] * 0.299 + rgb[1] * 0.587 + rgb[2] * 0.114 < 133;
    return [`rgb(${rgb})`, dark ? "#fff" : "#1f2328"];
  }

  // what the cells may be coloured by: its name, its value in a cell, whether high is dark, how it is written
  const measures = [
    ["probability", (c) => c.t.length ? c.t[0][1] : null, "share"],
    ["entropy", (c) => c.e, "range"],
    ["KL to the last layer", (c) => c.d, "range"],
    ...data.tracked.map((one, i) => [`rank of ${one.html}`, (c) => c.r[i][0], "rank"]),
    ...(data.standing ? [["cosine similarity", (c) => c.s[0], "range"]] : []),
  ];

  function paint() {
    const [, value, kind] = measures[measure];
    const values = cells.map((cell) => value(at(+cell.dataset.l, +cell.dataset.c)));
    const seen = values.filter((v) => v !== null).map((v) => kind === "rank" ? Math.log(v) : v);
    const low = kind === "share" ? 0 : kind === "rank" ? 0 : Math.min(...seen);
    const high = kind === "share" ? 1 : kind === "rank" ? Math.log(data.vocab) : Math.max(...seen);
    cells.forEach((cell, i) => {
      let v = values[i];
      if (v !== null) {
        v = ((kind === "rank" ? Math.log(v) : v) - low) / (high - low || 1);
        if (kind === "rank") v = 1 - v;
      }
      [cell.style.background, cell.style.color] = color(v);
    });
    root.querySelectorAll(".measures button").forEach((one, i) => one.setAttribute("aria-pressed", i === measure));
    const ends = kind === "share" ? ["0", "1"]
      : kind === "rank" ? [data.vocab.toLocaleString("en"), "1"] : [number(low), number(high)];
    root.querySelector(".low").textContent = ends[0];
    root.querySelector(".high").textContent = ends[1];
  }

  function strips() {
    root.querySelectorAll("tfoot th[data-c]").forEach((th) => th.classList.toggle("chosen", +th.dataset.c === chosen));
    for (const row of root.querySelectorAll("tbody tr[data-l]")) {
      const c = at(+row.dataset.l, chosen), shown = [number(c.e), number(c.d)];
      c.r.forEach(([rank]) => shown.push(rank.toLocaleString("en")));
      row.querySelectorAll("td.strip").forEach((td, i) => { td.textContent = shown[i]; });
    }
    root.querySelectorAll(".where").forEach((one) => { one.innerHTML = place(chosen); });
    charts();
  }

  const place = (column) => {
    const one = data.positions[column];
    return `position ${one.n}${one.html ? `, after “${one.html}”` : ""}`;
  };

  function charts() {
    const box = root.querySelector(".charts");
    if (!box) return;
    box.innerHTML = "";
    const layers = data.cells.map((row) => row[chosen]);
    if (data.standing) {
      box.append(chart(layers.map((c) => c.s), `Cosine similarity to <b>${data.standing}</b>, ${place(chosen)}`, false));
    }
    if (data.explained && layers.every((c) => c.x)) {
      box.append(chart(layers.map((c) => c.x), `R² in the span of <b>${data.explained}</b>, ${place(chosen)}`, true));
    }
  }

  // one line over the layers, and behind it the band of random sums: rows of [value, low, high]
  function chart(rows, title, fromZero) {
    const w = 400, h = 170, left = 44, foot = 24, top = 8;
    const all = rows.flat().filter((v) => v !== null);
    const low = fromZero ? 0 : Math.min(0, ...all), high = Math.max(...all, low + 1e-6);
    const x = (i) => left + (w - left - 10) * (rows.length > 1 ? i / (rows.length - 1) : 0.5);
    const y = (v) => top + (h - top - foot) * (1 - (v - low) / (high - low));
    const line = (n) => rows.map((r, i) => `${x(i).toFixed(1)},${y(r[n]).toFixed(1)}`);
    const banded = rows.every((r) => r[1] !== null);
    const band = banded ? `<polygon points="${[...line(2), ...line(1).reverse()].join(" ")}" fill="var(--line)"/>` : "";
    const step = Math.ceil(rows.length / 12);
    const ticks = rows.map((_, i) => i % step ? "" :
      `<text x="${x(i)}" y="${h - 8}" text-anchor="middle">${i}</text>`).join("");
    const scale = [low, high].map((v) => `<text x="${left - 6}" y="${y(v) + 4}" text-anchor="end">${signed(v)}</text>`);
    const dots = rows.map((r, i) => `<circle cx="${x(i)}" cy="${y(r[0])}" r="3" fill="var(--accent)"/>`).join("");
    const figure = document.createElement("figure");
    figure.innerHTML = `<figcaption>${title}</figcaption><svg width="${w}" height="${h}" role="img">${band}
      <line x1="${left}" x2="${w - 10}" y1="${y(low < 0 ? 0 : low)}" y2="${y(low < 0 ? 0 : low)}" stroke="var(--line)"/>
      <polyline points="${line(0).join(" ")}" fill="none" stroke="var(--accent)" stroke-width="2"/>${dots}
      ${ticks}${scale.join("")}</svg><figcaption>${banded ? "grey: random words, 5 to 95%; " : ""}by layer</figcaption>`;
    return figure;
  }

  function tell(cell) {
    const layer = +cell.dataset.l, column = +cell.dataset.c, c = at(layer, column);
    const rows = c.t.map(([token, p]) => `<tr><td>${data.tokens[token]}</td><td>${p === null ? "" :
      `<div class="rail"><i style="width:${(100 * p).toFixed(1)}%"></i></div>`}</td><td class="number">${short(p)}</td></tr>`);
    const one = data.positions[column];
    const after = one.html ? ` · after “${one.html}”` : ` · position ${one.n}`;
    let more = `<div>entropy ${number(c.e)} · KL ${number(c.d)} nats</div>`;
    if (c.b) more += `<div>${c.b}</div>`;
    c.r.forEach(([rank, p], i) => {
      more += `<div>${data.tracked[i].html}: rank ${rank.toLocaleString("en")}, ${short(p)}</div>`;
    });
    if (c.s) {
      const band = c.s[1] === null ? "" : `, random ${signed(c.s[1])} … ${signed(c.s[2])}`;
      more += `<div>cosine similarity ${signed(c.s[0])}${band}</div>`;
    }
    if (c.x) {
      const band = c.x[1] === null ? "" : `, random ${c.x[1].toFixed(3)} … ${c.x[2].toFixed(3)}`;
      const [inside, without] = c.w.map((token) => token === null ? "nothing" : data.tokens[token]);
      more += `<div>R² ${c.x[0].toFixed(3)}${band}; in the span ${inside}, without it ${without}</div>`;
    }
    tip.innerHTML = `<b>layer ${layer}${after}</b><table>${rows.join("")}</table><div class="grey">${more}</div>`;
    tip.hidden = false;
    const box = cell.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const below = box.bottom + 6 + own.height < innerHeight;
    tip.style.top = `${below ? box.bottom + 6 : Math.max(4, box.top - own.height - 6)}px`;
    tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - own.width - 8))}px`;
  }

  const bar = root.querySelector(".measures");
  measures.forEach(([name], i) => {
    const button = document.createElement("button");
    button.innerHTML = name;
    button.onclick = () => { measure = i; paint(); };
    bar.append(button);
  });
  const stops = data.ramp.map((c) => `rgb(${c})`);
  root.querySelector(".scale").style.background = `linear-gradient(90deg,${stops})`;
  root.addEventListener("mouseover", (event) => {
    const cell = event.target.closest("td.cell");
    if (cell && root.contains(cell)) tell(cell); else tip.hidden = true;
  });
  root.addEventListener("mouseleave", () => { tip.hidden = true; });
  addEventListener("scroll", () => { tip.hidden = true; }, true);
  root.addEventListener("click", (event) => {
    const one = event.target.closest("[data-c]");
    if (one) { chosen = +one.dataset.c; strips(); }
  });
  paint();
  strips();
  root.querySelector(".scroll").scrollLeft = 1e6;
}
