/** Tabs as the keyboard expects them: arrows move and choose, only the chosen one is in the order of Tab. */

export class Tabs {
  #buttons;

  /**
   * @param {HTMLElement} list role tablist
   * @param {(name: string) => void} onChoose called when the reader chose another
   */
  constructor(list, onChoose) {
    this.#buttons = [...list.querySelectorAll('[role=tab]')];
    for (const button of this.#buttons) button.addEventListener('click', () => onChoose(nameOf(button)));
    list.addEventListener('keydown', (event) => {
      const now = this.#buttons.indexOf(document.activeElement);
      const last = this.#buttons.length - 1;
      const to = {ArrowLeft: now > 0 ? now - 1 : last, ArrowRight: now < last ? now + 1 : 0, Home: 0, End: last};
      if (now < 0 || !Object.hasOwn(to, event.key)) return;
      event.preventDefault();
      this.#buttons[to[event.key]].focus();
      onChoose(nameOf(this.#buttons[to[event.key]]));
    });
  }

  /** Mark one as chosen. */
  show(name) {
    for (const button of this.#buttons) {
      const chosen = nameOf(button) === name;
      button.setAttribute('aria-selected', String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
  }
}

function nameOf(button) {
  return button.id.replace('tab-', '');
}
