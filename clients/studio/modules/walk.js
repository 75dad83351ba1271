// @ts-check
/** The area Walk: from one picture to another, played, and as an animated WebP. */
import * as api from "./api.js";
import { by } from "./dom.js";
import { End } from "./ends.js";
import { say } from "./i18n.js";
import { modelOf, offerLabels, offerModels, offerSizes, styles } from "./names.js";
import { blobOf, download, paint } from "./picture.js";
import { drawn } from "./seeds.js";
import { announce, tellError } from "./tell.js";
import { changed, readNumber } from "./view.js";

const FRAMES = 16;
const MILLISECONDS = 80;

export class Walk {
  /** @param {() => import("./scene.js").Scene} scene of Generate */
  constructor(scene) {
    const taken = () => {
      const { seed, mix, strength } = scene();
      return { seed, mix: { ...mix }, strength };
    };
    this.start = new End(by("walk-start"), taken, () => this.#changed());
    this.end = new End(by("walk-end"), taken, () => this.#changed());
    this.start.place = { seed: drawn(), mix: { [styles[0].name]: 1 }, strength: 1 };
    this.end.place = {
      seed: drawn(),
      mix: { [styles[styles.length > 1 ? 1 : 0].name]: 1 },
      strength: 1,
    };
    /** @type {ImageBitmap[]} */
    this.frames = [];
    this.making = new AbortController();
    this.playing = 0;
    offerModels(by("walk-model"));
    by("walk-frames").value = FRAMES;
    by("walk-milliseconds").value = MILLISECONDS;
    this.#listen();
  }

  /**
   * Show the area.
   * @param {URLSearchParams} params
   */
  show(params) {
    this.start.read(params, "start");
    this.end.read(params, "end");
    const model = modelOf(params.get("model") ?? by("walk-model").value);
    by("walk-model").value = model.name;
    by("walk-frames").value = readNumber(params.get("frames"), 4, 48, by("walk-frames").value);
    by("walk-milliseconds").value = readNumber(
      params.get("ms"),
      20,
      400,
      by("walk-milliseconds").value,
    );
    this.#fill(
      readNumber(params.get("size"), 0, 1024, Number(by("walk-size").value)),
      params.get("label") ?? by("walk-label").value,
    );
    if (!this.frames.length)
      void this.#make(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  }

  /** Whatever is under way is not wanted any more. */
  hide() {
    this.making.abort();
    this.#pause();
  }

  /** What the address says of the area. */
  params() {
    const params = new URLSearchParams({ model: by("walk-model").value });
    this.start.write(params, "start");
    this.end.write(params, "end");
    if (Number(by("walk-size").value)) params.set("size", by("walk-size").value);
    if (by("walk-label").value) params.set("label", by("walk-label").value);
    params.set("frames", by("walk-frames").value);
    params.set("ms", by("walk-milliseconds").value);
    return params;
  }

  /**
   * @param {number} size
   * @param {string} label
   */
  #fill(size, label) {
    const model = modelOf(by("walk-model").value);
    offerSizes(by("walk-size"), model, size);
    by("walk-label-field").hidden = !model.classes.length;
    offerLabels(by("walk-label"), model.classes, "gallery.any", label);
    by("walk-label").options[0].hidden = model.classes.length > 0;
    if (model.classes.length && !by("walk-label").value) by("walk-label").value = model.classes[0];
    this.#outputs();
  }

  #listen() {
    by("walk-model").addEventListener("change", () => this.#fill(0, ""));
    for (const id of [
      "walk-model",
      "walk-size",
      "walk-label",
      "walk-frames",
      "walk-milliseconds",
    ]) {
      by(id).addEventListener("input", () => this.#changed());
    }
    by("walk-make").addEventListener("click", () => this.#make(true));
    by("walk-play").addEventListener("click", () => (this.playing ? this.#pause() : this.#play()));
    by("walk-download").addEventListener("click", () => this.#download());
    by("walk-position").addEventListener("input", () => {
      this.#pause();
      this.#showFrame(Number(by("walk-position").value));
    });
  }

  #changed() {
    this.#outputs();
    changed();
  }

  #outputs() {
    by("walk-frames-out").textContent = by("walk-frames").value;
    by("walk-milliseconds-out").textContent = by("walk-milliseconds").value;
  }

  /** @returns {Record<string, any>} */
  #body() {
    const size = Number(by("walk-size").value);
    return {
      model: by("walk-model").value,
      start: this.start.waypoint(),
      end: this.end.waypoint(),
      frames: Number(by("walk-frames").value),
      ...(size && { size }),
      ...(by("walk-label").value && { label: by("walk-label").value }),
    };
  }

  /** @param {boolean} play */
  async #make(play) {
    this.making.abort();
    this.#pause();
    this.making = new AbortController();
    const { signal } = this.making;
    const body = this.#body();
    this.frames.forEach((frame) => frame.close());
    /** @type {ImageBitmap[]} */
    const frames = (this.frames = []);
    by("walk-play").disabled = true;
    by("walk-position").max = String(body.frames - 1);
    say(
      by("walk-picture"),
      "walk.picture",
      { start: body.start.seed, end: body.end.seed },
      "aria-label",
    );
    let last = Promise.resolve();
    try {
      await api.stream(
        "interpolate",
        { ...body, format: "jpeg" },
        (index, picture) => {
          last = last.then(async () => {
            frames[index] = await createImageBitmap(blobOf(picture));
            if (!signal.aborted) this.#showFrame(index, "walk.progress");
          });
        },
        signal,
      );
      await last;
      by("walk-play").disabled = false;
      announce("walk.play");
      if (play) this.#play();
    } catch (error) {
      if (!signal.aborted) tellError(error);
    }
  }

  /**
   * @param {number} index
   * @param {string} [key]
   */
  #showFrame(index, key = "walk.caption") {
    const frame = this.frames[index];
    if (!frame) return;
    void paint(by("walk-picture"), frame);
    by("walk-position").value = String(index);
    const frames = Number(by("walk-position").max) + 1;
    say(by("walk-caption"), key, { frame: index + 1, done: index + 1, frames });
  }

  #play() {
    say(by("walk-play"), "walk.pause");
    // Nobody wants each frame read out.
    by("walk-caption").setAttribute("aria-live", "off");
    const started = performance.now();
    const turn = (/** @type {number} */ now) => {
      const step = Math.max(0, Math.floor((now - started) / Number(by("walk-milliseconds").value)));
      const last = this.frames.length - 1;
      // There and back.
      const phase = step % (2 * last);
      this.#showFrame(phase > last ? 2 * last - phase : phase);
      this.playing = requestAnimationFrame(turn);
    };
    this.playing = requestAnimationFrame(turn);
  }

  #pause() {
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    say(by("walk-play"), "walk.play");
    by("walk-caption").setAttribute("aria-live", "polite");
  }

  async #download() {
    const milliseconds = Number(by("walk-milliseconds").value);
    try {
      const body = { ...this.#body(), animation: true, frame_milliseconds: milliseconds };
      const name = `walk-${this.start.place.seed}-${this.end.place.seed}.webp`;
      await api.stream("interpolate", body, (_, picture) => {
        download(blobOf(picture), name);
      });
    } catch (error) {
      tellError(error);
    }
  }
}
