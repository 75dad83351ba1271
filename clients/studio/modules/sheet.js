// @ts-check
/** The contact sheet: sixteen seeds in the same style; one of them is taken. */
import * as api from "./api.js";
import { by, later, make } from "./dom.js";
import { say } from "./i18n.js";
import { modelOf } from "./names.js";
import { blobOf, paint } from "./picture.js";
import { requestOf } from "./scene.js";
import { stepped } from "./seeds.js";
import { announce, tellError } from "./tell.js";

const COUNT = 16;
const SIDE = 128;

export class Sheet {
  /**
   * @param {() => import("./scene.js").Scene} scene
   * @param {(seed: string) => void} take
   */
  constructor(scene, take) {
    this.scene = scene;
    this.take = take;
    this.open = false;
    this.first = "";
    this.made = "";
    this.controller = new AbortController();
    // Not at every step of a hand that goes on.
    this.changed = later(() => this.open && this.#fill(), 400);
    by("sheet-open").addEventListener("click", () => this.#toggle());
    by("sheet-next").addEventListener("click", () => {
      this.first = stepped(this.first, COUNT * this.scene().candidates);
      this.#fill(true);
    });
  }

  /** Give up what is under way. */
  stop() {
    this.controller.abort();
    this.made = "";
  }

  #toggle() {
    this.open = !this.open;
    by("sheet").hidden = !this.open;
    by("sheet-open").setAttribute("aria-expanded", String(this.open));
    this.first = this.scene().seed;
    if (this.open) {
      this.#fill();
      by("sheet").scrollIntoView({ block: "nearest" });
    } else this.stop();
  }

  /** @param {boolean} [again] */
  async #fill(again = false) {
    const scene = this.scene();
    const sizes = modelOf(scene.model).sizes;
    const body = {
      ...requestOf({ ...scene, seed: this.first }),
      size: sizes.find((one) => one >= SIDE) ?? sizes[0],
      count: COUNT,
      format: "jpeg",
      priority: "low",
    };
    if (!again && JSON.stringify(body) === this.made) return;
    this.stop();
    this.made = JSON.stringify(body);
    this.controller = new AbortController();
    const { signal } = this.controller;
    const cells = Array.from({ length: COUNT }, () =>
      make("button", { class: "cell", disabled: "" }),
    );
    by("sheet-cells").replaceChildren(...cells);
    cells.forEach((cell, index) => {
      say(
        cell,
        "sheet.cell",
        { seed: stepped(this.first, index * scene.candidates) },
        "aria-label",
      );
    });
    try {
      await api.stream(
        "generate/stream",
        body,
        (index, picture) => this.#show(cells[index], picture),
        signal,
      );
      announce("sheet.done");
    } catch (error) {
      if (!signal.aborted) tellError(error);
    }
  }

  /**
   * @param {any} cell
   * @param {import("./api.js").Picture} picture
   */
  #show(cell, picture) {
    const canvas = make("canvas", { "aria-hidden": "true" });
    void paint(canvas, blobOf(picture));
    const seed = picture.seed ?? "";
    const score = picture.score?.toFixed(2);
    const caption = make("span", {}, new Text(score ?? seed));
    if (score) say(cell, "sheet.cellScore", { seed, score }, "aria-label");
    cell.replaceChildren(canvas, caption);
    cell.disabled = false;
    cell.addEventListener("click", () => this.take(seed));
  }
}
