// @ts-check
/** The area Generate: one large picture, and all that it is made from. */
import * as api from "./api.js";
import { by } from "./dom.js";
import { hush, say, text } from "./i18n.js";
import { Latest } from "./latest.js";
import { Mixer } from "./mixer.js";
import {
  labelName,
  mixText,
  modelName,
  modelOf,
  offerLabels,
  offerModels,
  offerSizes,
} from "./names.js";
import { blobOf, download, paint, paintPixels } from "./picture.js";
import { UNBOUNDED, readScene, requestOf, writtenScene } from "./scene.js";
import { drawn, isSeed, stepped } from "./seeds.js";
import { Sheet } from "./sheet.js";
import { announce, copy, tellError, toast } from "./tell.js";
import { showStyles } from "./thumbnails.js";
import { address, changed } from "./view.js";

/** @typedef {import("./scene.js").Scene} Scene */
// From the same machine bare pixels are there soonest; over a network they are ten times as large.
const PIXELS = { format: "raw_rgb8" };
const ENCODED = { format: "jpeg", quality: 92 };
const LARGEST_IN_PIXELS = 256;
const IS_NEAR = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);

export class Generate {
  constructor() {
    /** @type {Scene} */
    this.scene = readScene(new URLSearchParams());
    /** @type {Scene | null} */
    this.wished = null;
    this.shownModel = "";
    this.shown = false;
    this.visible = false;
    offerModels(by("model"));
    this.mixer = new Mixer((mix, final) => {
      this.scene.mix = mix;
      this.#make(final);
    });
    this.latest = new Latest(
      (/** @type {Scene} */ scene, signal) =>
        api.generate({ ...requestOf(scene), ...shownAs(scene) }, { signal }),
      (answer, scene) => this.#show(answer, scene),
      tellError,
    );
    this.sheet = new Sheet(
      () => this.scene,
      (seed) => this.#take(seed),
    );
    this.#listen();
  }

  /**
   * Show the area.
   * @param {URLSearchParams} params
   */
  show(params) {
    this.visible = true;
    if (params.size) this.scene = readScene(params);
    this.#fill();
    this.#make(true);
  }

  /** Whatever is under way is not wanted any more. */
  hide() {
    this.visible = false;
    this.wished = null;
    this.latest.cancel();
    this.sheet.stop();
  }

  /** What the address says of the area. */
  params() {
    return writtenScene(this.scene);
  }

  /** The picture that is shown, as a file; null: there is none yet. */
  file() {
    /** @type {Promise<Blob | null>} */
    const file = new Promise((resolve) => by("picture").toBlob(resolve));
    return this.shown ? file : Promise.resolve(null);
  }

  #fill() {
    const { scene } = this;
    const model = modelOf(scene.model);
    by("model").value = scene.model;
    offerLabels(by("label"), model.classes, "generate.anyLabel", scene.label);
    by("label-field").hidden = !model.classes.length;
    offerSizes(by("size"), model, scene.size);
    by("seed").value = scene.seed;
    by("strength").value = scene.strength;
    by("truncation").value = scene.truncation;
    by("candidates").value = scene.candidates;
    by("candidates").disabled = !model.ranks;
    by("colour").checked = scene.colour;
    this.mixer.set(scene.mix);
    if (this.shownModel !== scene.model) void this.#showStyles(scene.model);
    this.#fillOutputs();
  }

  /** @param {string} model */
  async #showStyles(model) {
    this.shownModel = model;
    await showStyles(model, (index, url) => {
      // Another model may have been chosen meanwhile.
      if (this.shownModel === model) this.mixer.picture(index, url);
    });
  }

  #fillOutputs() {
    const { scene } = this;
    by("strength-out").textContent = `${Math.round(100 * scene.strength)}%`;
    if (scene.truncation < UNBOUNDED) {
      hush(by("truncation-out"));
      by("truncation-out").textContent = String(scene.truncation);
    } else say(by("truncation-out"), "generate.unbounded");
    if (scene.candidates > 1) {
      say(by("candidates-out"), "generate.someCandidates", { count: scene.candidates });
    } else say(by("candidates-out"), "generate.oneCandidate");
  }

  #listen() {
    by("controls").addEventListener("submit", (/** @type {Event} */ event) =>
      event.preventDefault(),
    );
    this.#on("model", "change", (field) => {
      const label = modelOf(field.value).classes.includes(this.scene.label) ? this.scene.label : "";
      this.scene = { ...this.scene, model: field.value, label, size: 0 };
      this.#fill();
    });
    this.#on("label", "change", (field) => (this.scene.label = field.value));
    this.#on("size", "change", (field) => (this.scene.size = Number(field.value)));
    this.#on("colour", "change", (field) => (this.scene.colour = field.checked));
    for (const id of /** @type {const} */ (["strength", "truncation", "candidates"])) {
      this.#on(id, "input", (field) => (this.scene[id] = Number(field.value)), false);
      this.#on(id, "change", (field) => (this.scene[id] = Number(field.value)));
    }
    this.#listenToSeed();
    by("download").addEventListener("click", () => this.#download());
    by("keep").addEventListener("click", () => this.#keep());
    by("link").addEventListener("click", () =>
      copy(new URL(address(), location.href).href, "generate.linked"),
    );
    document.addEventListener("language", () => this.#fillOutputs());
  }

  #listenToSeed() {
    const field = by("seed");
    // Whoever chooses among several seeds steps over all of them.
    const step = (/** @type {number} */ steps) =>
      this.#take(stepped(this.scene.seed, steps * this.scene.candidates));
    by("seed-less").addEventListener("click", () => step(-1));
    by("seed-more").addEventListener("click", () => step(1));
    by("seed-draw").addEventListener("click", () => this.#take(drawn()));
    field.addEventListener("change", () => this.#take(field.value.trim()));
    field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
      event.preventDefault();
      step(event.key === "ArrowUp" ? 1 : -1);
    });
  }

  /**
   * @param {string} id
   * @param {string} event
   * @param {(field: any) => void} set
   * @param {boolean} [final]
   */
  #on(id, event, set, final = true) {
    by(id).addEventListener(event, () => {
      set(by(id));
      this.#fillOutputs();
      this.#make(final);
    });
  }

  /** @param {string} seed */
  #take(seed) {
    by("seed").setAttribute("aria-invalid", String(!isSeed(seed)));
    if (!isSeed(seed)) {
      toast("error.seed");
      return;
    }
    this.scene.seed = seed;
    by("seed").value = seed;
    this.#make(true);
  }

  /** @param {boolean} final whether the picture is to stay */
  #make(final) {
    if (!this.visible) return;
    // Where the pointer is let go, the picture of that place may be there already.
    const same = JSON.stringify(this.scene) === JSON.stringify(this.wished);
    if (!same) {
      this.wished = structuredClone(this.scene);
      this.latest.wish(this.wished, final);
    }
    if (final) this.sheet.changed();
    changed();
  }

  /**
   * @param {import("./api.js").Answer} answer
   * @param {Scene} scene
   */
  async #show({ pictures: [picture], took, answered }, scene) {
    if (picture.format === PIXELS.format) paintPixels(by("picture"), picture);
    else await paint(by("picture"), blobOf(picture));
    // For whoever watches how long that takes; nothing is kept.
    performance.measure("studio.picture", { start: answered, detail: scene.mix });
    performance.clearMeasures("studio.picture");
    this.shown = true;
    const name = () => {
      const label = picture.label && ` (${labelName(picture.label)})`;
      return `${modelName(scene.model)}${label}`;
    };
    const params = () => ({
      model: name(),
      seed: picture.seed ?? "",
      count: scene.candidates,
      score: picture.score?.toFixed(2) ?? "",
    });
    say(
      by("caption"),
      picture.score === null ? "generate.caption" : "generate.captionScore",
      params,
    );
    say(
      by("picture"),
      "generate.picture",
      () => ({ ...params(), style: mixText(scene.mix) }),
      "aria-label",
    );
    by("picture").title = text("generate.took", { milliseconds: Math.round(took) });
  }

  async #download() {
    try {
      const { pictures } = await api.generate({ ...requestOf(this.scene), format: "png" });
      download(blobOf(pictures[0]), `${this.scene.model}-${pictures[0].seed}.png`);
    } catch (error) {
      tellError(error);
    }
  }

  async #keep() {
    try {
      await api.generate({ ...requestOf(this.scene), format: "png", store: true });
      toast("generate.kept");
      announce("generate.kept");
    } catch (error) {
      if (error instanceof api.ApiError && error.message.startsWith("store:"))
        toast("gallery.noStore");
      else tellError(error);
    }
  }
}

/**
 * As what a scene's picture is asked for, to be looked at.
 * @param {Scene} scene
 */
function shownAs(scene) {
  const { width, height } = modelOf(scene.model);
  const side = scene.size || Math.max(width, height);
  return IS_NEAR && side <= LARGEST_IN_PIXELS ? PIXELS : ENCODED;
}
