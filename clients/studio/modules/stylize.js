// @ts-check
/** The area Stylize: somebody's own picture in every style, or in that of another picture. */
import * as api from "./api.js";
import { offerCamera } from "./camera.js";
import { by, later, make } from "./dom.js";
import { say } from "./i18n.js";
import { Latest } from "./latest.js";
import { readsPictures, styleName, styles } from "./names.js";
import { base64, blobOf, download, fitted, paint } from "./picture.js";
import { tellError, toast } from "./tell.js";

const LONGEST = 1024;
const THUMBNAIL = 96;
const STYLE_SIDE = 256;

export class Stylize {
  /** @param {() => Promise<Blob | null>} generated what Generate shows */
  constructor(generated) {
    /** @type {Blob | null} */
    this.photo = null;
    this.encoded = "";
    /** @type {string} */
    this.small = "";
    this.style = styles[0].name;
    /** @type {string} a style picture in base64; empty: a named style is used */
    this.second = "";
    this.original = false;
    this.visible = false;
    /** @type {any[]} */
    this.tiles = [];
    this.walling = new AbortController();
    this.latest = new Latest(
      (/** @type {Record<string, any>} */ body, signal) => api.stylize(body, { signal }),
      ({ pictures: [picture] }) => this.#show(blobOf(picture)),
      tellError,
    );
    this.wallSoon = later(() => this.#fillWall(), 300);
    this.#buildWall();
    this.#listen(generated);
  }

  /** Show the area. */
  show() {
    this.visible = true;
    if (this.photo) this.wallSoon();
  }

  /** Whatever is under way is not wanted any more. */
  hide() {
    this.visible = false;
    this.latest.cancel();
    this.walling.abort();
  }

  /** What the address says of the area: a photograph does not fit into one. */
  params() {
    return new URLSearchParams();
  }

  #buildWall() {
    this.tiles = styles.map(({ name }) => {
      const label = make("span");
      say(label, `styles.${name}`);
      if (label.textContent === `styles.${name}`) label.textContent = styleName(name);
      const tile = make(
        "button",
        { type: "button", class: "tile", "aria-pressed": "false" },
        make("canvas", { "aria-hidden": "true", width: "96", height: "96" }),
        label,
      );
      tile.addEventListener("click", () => {
        this.style = name;
        this.second = "";
        by("style-picture").hidden = true;
        this.#press();
        this.#paint();
      });
      return tile;
    });
    by("wall").append(...this.tiles);
    this.#press();
  }

  #press() {
    this.tiles.forEach((tile, index) => {
      tile.setAttribute("aria-pressed", String(!this.second && styles[index].name === this.style));
    });
  }

  /** @param {() => Promise<Blob | null>} generated */
  #listen(generated) {
    accept(by("photo-file"), by("photo-drop"), (file) => this.#take(file));
    accept(by("style-file"), by("style-drop"), (file) => this.#takeSecond(file));
    by("style-file").disabled = !readsPictures;
    document.addEventListener("paste", (event) => {
      const file = [...(event.clipboardData?.files ?? [])][0];
      if (this.visible && file) this.#take(file);
    });
    offerCamera((file) => this.#take(file));
    by("photo-generated").addEventListener("click", async () => {
      const picture = await generated();
      if (picture) this.#take(picture);
    });
    by("painted-original").addEventListener("click", () => {
      this.original = !this.original;
      by("painted-original").setAttribute("aria-pressed", String(this.original));
      if (this.original && this.photo) void this.#show(this.photo);
      else this.#paint();
    });
    by("paint-strength").addEventListener("input", () => {
      this.#outputs();
      this.#paint(false);
    });
    for (const id of ["paint-strength", "paint-colour", "side"]) {
      by(id).addEventListener("change", () => {
        this.#paint();
        this.wallSoon();
      });
    }
    by("painted-download").addEventListener("click", () => this.#download());
    by("painted-keep").addEventListener("click", () => this.#keep());
    this.#outputs();
  }

  #outputs() {
    by("paint-strength-out").textContent = `${Math.round(100 * by("paint-strength").value)}%`;
  }

  /** @param {Blob} file */
  async #take(file) {
    try {
      const photo = await fitted(file, LONGEST);
      const small = await base64(await fitted(file, THUMBNAIL));
      // All at once: somebody may choose a style meanwhile.
      [this.encoded, this.small, this.photo] = [await base64(photo), small, photo];
    } catch {
      toast("stylize.noPicture");
      return;
    }
    by("photo-empty").hidden = true;
    by("painted").hidden = false;
    by("painted-actions").hidden = false;
    await this.#show(this.photo, "stylize.captionOriginal");
    this.original = false;
    by("painted-original").setAttribute("aria-pressed", "false");
    this.#paint();
    void this.#fillWall();
  }

  /** @param {Blob} file */
  async #takeSecond(file) {
    if (!readsPictures) {
      toast("stylize.noSecond");
      return;
    }
    try {
      const small = await fitted(file, STYLE_SIDE);
      await paint(by("style-picture"), small);
      this.second = await base64(small);
    } catch {
      toast("stylize.noPicture");
      return;
    }
    by("style-picture").hidden = false;
    say(by("style-picture"), "stylize.chosenSecond", {}, "aria-label");
    this.#press();
    this.#paint();
  }

  /** @returns {Record<string, any>} */
  #body() {
    return {
      picture: this.encoded,
      ...(this.second ? { style_picture: this.second } : { style: this.style }),
      style_strength: Number(by("paint-strength").value),
      preserve_colour: by("paint-colour").checked,
      max_side: Number(by("side").value),
    };
  }

  /** @param {boolean} [final] */
  #paint(final = true) {
    if (!this.photo || this.original) return;
    this.latest.wish({ ...this.#body(), format: "jpeg", quality: 92 }, final);
  }

  /**
   * @param {Blob} blob
   * @param {string} [caption]
   */
  async #show(blob, caption = this.second ? "stylize.captionSecond" : "stylize.caption") {
    const key = this.original ? "stylize.captionOriginal" : caption;
    const { style } = this;
    await paint(by("painted"), blob);
    const params = () => ({ style: styleName(style) });
    say(by("painted-caption"), key, params);
    say(by("painted"), key, params, "aria-label");
  }

  async #fillWall() {
    this.walling.abort();
    if (!this.photo || !this.visible) return;
    this.walling = new AbortController();
    const { signal } = this.walling;
    try {
      for (const [index, { name }] of styles.entries()) {
        const body = {
          ...this.#body(),
          style_picture: undefined,
          style: name,
          picture: this.small,
        };
        const answer = await api.stylize(
          { ...body, max_side: THUMBNAIL, format: "jpeg", priority: "low" },
          { background: true, signal },
        );
        await paint(this.tiles[index].firstChild, blobOf(answer.pictures[0]));
        this.tiles[index].classList.add("made");
      }
    } catch (error) {
      if (!signal.aborted) tellError(error);
    }
  }

  async #download() {
    try {
      const { pictures } = await api.stylize({ ...this.#body(), format: "png" });
      download(blobOf(pictures[0]), `painted-${this.second ? "picture" : this.style}.png`);
    } catch (error) {
      tellError(error);
    }
  }

  async #keep() {
    try {
      await api.stylize({ ...this.#body(), format: "png", store: true });
      toast("generate.kept");
    } catch (error) {
      if (error instanceof api.ApiError && error.message.startsWith("store:"))
        toast("gallery.noStore");
      else tellError(error);
    }
  }
}

/**
 * Take files that are chosen or dropped.
 * @param {any} field
 * @param {any} zone
 * @param {(file: File) => void} take
 */
function accept(field, zone, take) {
  field.addEventListener("change", () => {
    if (field.files[0]) take(field.files[0]);
    field.value = "";
  });
  zone.addEventListener("dragover", (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
}
