'use strict';

/** Pointer, wheel and keys on the canvas, told to a scatter. */
Scatter.Hands = class {
  constructor(canvas, scatter) {
    this.canvas = canvas;
    this.scatter = scatter;
    this.down = new Map();
    this.off = new AbortController();
    const on = (name, act, passive = true) =>
      canvas.addEventListener(name, act.bind(this), { passive, signal: this.off.signal });
    on('pointerdown', this.press);
    on('pointermove', this.move);
    on('pointerup', this.release);
    on('pointercancel', this.forget);
    on('pointerleave', this.leave);
    on('wheel', this.wheel, false);
    on('dblclick', this.twice);
    on('keydown', this.key, false);
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, this.place(event));
    if (this.down.size === 1) this.moved = 0;
    this.canvas.classList.add('grabbed');
  }

  move(event) {
    const now = this.place(event), before = this.down.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== 'touch') this.scatter.hover(this.scatter.nearestTo(...now));
      return;
    }
    this.moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (this.down.size === 1) {
      if (this.moved > 3) this.scatter.pan(now[0] - before[0], now[1] - before[1]);
    } else this.pinch(event.pointerId, before, now);
    if (this.moved > 3 || this.down.size > 1) this.down.set(event.pointerId, now);
  }

  pinch(id, before, now) {
    const other = [...this.down].find(([key]) => key !== id)[1];
    const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]);
    this.scatter.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    this.scatter.zoom(apart(now) / (apart(before) || 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    this.moved = Infinity; // fingers that spread are no tap
  }

  release(event) {
    const tapped = this.down.size === 1 && this.moved <= 3;
    this.forget(event);
    if (tapped) this.scatter.pick(this.scatter.nearestTo(...this.place(event)));
  }

  forget(event) {
    this.down.delete(event.pointerId);
    if (!this.down.size) this.canvas.classList.remove('grabbed');
  }

  leave() {
    if (!this.down.size) this.scatter.hover(null);
  }

  wheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1);
    // a pinch on a touch pad comes as a wheel with the control key, in smaller steps
    const factor = Math.exp(Scatter.clamp(-pixels * (event.ctrlKey ? 0.01 : 0.0018), -0.7, 0.7));
    this.scatter.zoom(factor, ...this.place(event));
  }

  twice(event) {
    this.scatter.zoom(event.shiftKey ? 0.5 : 2, ...this.place(event), true);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const scatter = this.scatter, step = 70;
    const acts = {
      ArrowLeft: () => scatter.pan(step, 0),
      ArrowRight: () => scatter.pan(-step, 0),
      ArrowUp: () => scatter.pan(0, step),
      ArrowDown: () => scatter.pan(0, -step),
      '+': () => scatter.zoom(1.4),
      '=': () => scatter.zoom(1.4),
      '-': () => scatter.zoom(1 / 1.4),
      0: () => scatter.fit(),
      n: () => scatter.step(1),
      p: () => scatter.step(-1),
      Enter: () => scatter.pick(scatter.current),
      Escape: () => scatter.pick(null),
    };
    if (!Object.hasOwn(acts, event.key)) return;
    event.preventDefault();
    acts[event.key]();
  }
};
