// @ts-check
/**
 * Only the latest wish counts: while two are being fulfilled a third one waits, and every newer one
 * takes its place. An answer that is older than what is shown is cancelled.
 */
import * as link from "./link.js";

const AT_ONCE = 2;

/**
 * @template Wish, Answer
 */
export class Latest {
  /**
   * @param {(wish: Wish, signal: AbortSignal) => Promise<Answer>} fulfil
   * @param {(answer: Answer, wish: Wish) => void | Promise<void>} show
   * @param {(error: unknown) => void} fail
   */
  constructor(fulfil, show, fail) {
    this.fulfil = fulfil;
    this.show = show;
    this.fail = fail;
    /** @type {Map<number, AbortController>} */
    this.running = new Map();
    /** @type {{ number: number, wish: Wish } | null} */
    this.pending = null;
    this.number = 0;
    this.shown = 0;
  }

  /**
   * Wish for something.
   * @param {Wish} wish
   * @param {boolean} [final] whether nothing newer is to be expected soon
   */
  wish(wish, final = false) {
    this.pending = { number: ++this.number, wish };
    // What waits for a lost server, or for a picture that nobody will look at, is in the way.
    if (final || !link.up) this.cancel(this.number);
    this.#begin();
  }

  /**
   * Cancel what is older.
   * @param {number} number
   */
  cancel(number = Infinity) {
    for (const [other, controller] of this.running) {
      if (other < number) controller.abort();
    }
  }

  #begin() {
    while (this.pending && this.running.size < AT_ONCE) {
      const { number, wish } = this.pending;
      this.pending = null;
      void this.#run(number, wish);
    }
  }

  /**
   * @param {number} number
   * @param {Wish} wish
   */
  async #run(number, wish) {
    const controller = new AbortController();
    this.running.set(number, controller);
    controller.signal.addEventListener("abort", () => this.#ended(number));
    try {
      const answer = await this.fulfil(wish, controller.signal);
      if (controller.signal.aborted || number < this.shown) return;
      this.shown = number;
      this.cancel(number);
      await this.show(answer, wish);
    } catch (error) {
      if (!controller.signal.aborted) this.fail(error);
    } finally {
      this.#ended(number);
    }
  }

  /** @param {number} number */
  #ended(number) {
    if (this.running.delete(number)) this.#begin();
  }
}
