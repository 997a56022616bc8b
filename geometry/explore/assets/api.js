/** Questions to the server: one in flight for each subject, the newest wins, stale answers are dropped. */

/** The server answered that it cannot: `message` is its one line, `place` where in the text it is. */
export class Refused extends Error {
  constructor(message, status, place = null) {
    super(message);
    this.status = status;
    this.place = place;
  }
}

/** Nobody answered. */
export class Away extends Error {}

/** The answer is still being made. */
export const NOT_YET = Symbol('not yet');

/**
 * Ask once.
 * @param {string} path such as `/api/land`
 * @param {object} parameters those that are null, undefined or empty are left out
 * @param {AbortSignal} [signal]
 * @returns {Promise<object|symbol>} the answer, or NOT_YET
 */
export async function ask(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') query.set(name, value);
  }
  let response, answer;
  try {
    response = await fetch(`${path}?${query}`, {signal, headers: {Accept: 'application/json'}});
    answer = await response.json();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Away(path);
  }
  if (response.status === 202) return NOT_YET;
  if (!response.ok) {
    throw new Refused(answer.error ?? `the server answered ${response.status}`, response.status, answer.place ?? null);
  }
  return answer;
}

export class Subject {
  #path;
  #number = 0;
  #flying = null;
  #waiting = null;

  /** @param {string} path */
  constructor(path) {
    this.#path = path;
  }

  /**
   * Ask, and forget what was asked before.
   *
   * While something is dragged, questions come faster than answers: with `patient` the one in flight may land, and of
   * those behind it only the newest is asked. Otherwise what is in flight is given up.
   *
   * @param {object} parameters
   * @param {{patient?: boolean}} [how]
   * @returns {Promise<object|symbol|null>} the answer; null where a newer question took this one's place
   */
  async ask(parameters, {patient = false} = {}) {
    const number = ++this.#number;
    if (patient && this.#flying) {
      const turn = new Promise((resolve) => {
        this.#waiting?.(false);
        this.#waiting = resolve;
      });
      if (!(await turn) || number !== this.#number) return null;
    } else {
      this.stop();
    }
    const flight = new AbortController();
    this.#flying = flight;
    try {
      const answer = await ask(this.#path, parameters, flight.signal);
      // with a patient one behind it this is not the newest, but still the newest there is
      return this.#flying === flight ? answer : null;
    } catch (error) {
      if (error.name === 'AbortError' || this.#flying !== flight) return null;
      throw error;
    } finally {
      if (this.#flying === flight) {
        this.#flying = null;
        this.#waiting?.(true);
        this.#waiting = null;
      }
    }
  }

  /** Give up what is in flight and what waits. */
  stop() {
    this.#waiting?.(false);
    this.#waiting = null;
    this.#flying?.abort();
    this.#flying = null;
  }
}
