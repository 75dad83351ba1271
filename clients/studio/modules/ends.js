// @ts-check
/** One end of a walk: a seed, and a style or a mix. */
import { make } from "./dom.js";
import { say } from "./i18n.js";
import { mixText, offerStyles, styleFields, styles } from "./names.js";
import { drawn, isSeed, stepped } from "./seeds.js";
import { readMix, readNumber, writtenMix } from "./view.js";

const MIXED = "*";
/** @typedef {{ seed: string, mix: import("./names.js").Mix, strength: number }} Place */

export class End {
  /**
   * @param {any} fieldset
   * @param {() => Place} taken what Generate shows
   * @param {() => void} changed
   */
  constructor(fieldset, taken, changed) {
    this.changed = changed;
    /** @type {Place} */
    this.place = { seed: drawn(), mix: {}, strength: 1 };
    this.seed = make("input", { inputmode: "numeric", autocomplete: "off", maxlength: "20" });
    this.style = make("select");
    this.strength = make("input", { type: "range", min: "0", max: "1", step: "0.01" });
    this.output = make("output");
    offerStyles(this.style, "walk.noStyle");
    this.mixed = make("option", { value: MIXED });
    this.style.append(this.mixed);
    fieldset.append(
      labelled(
        "field",
        "walk.seed",
        make(
          "span",
          { class: "stepper" },
          this.#step(-1, "generate.seedLess", "−"),
          this.seed,
          this.#step(1, "generate.seedMore", "+"),
        ),
      ),
      labelled("field", "walk.style", this.style),
      labelled("slide", "walk.strength", this.output, this.strength),
      this.#button("walk.take", () => this.set(taken())),
    );
    this.seed.addEventListener("change", () => {
      const seed = this.seed.value.trim();
      this.set({ ...this.place, seed: isSeed(seed) ? seed : this.place.seed });
    });
    this.style.addEventListener("change", () => {
      const mix =
        this.style.value === MIXED
          ? this.place.mix
          : this.style.value
            ? { [this.style.value]: 1 }
            : {};
      this.set({ ...this.place, mix });
    });
    this.strength.addEventListener("input", () =>
      this.set({ ...this.place, strength: Number(this.strength.value) }),
    );
    document.addEventListener("language", () => this.#show());
  }

  /** @param {Place} place */
  set(place) {
    this.place = place;
    this.#show();
    this.changed();
  }

  /**
   * @param {URLSearchParams} params
   * @param {string} name
   */
  read(params, name) {
    const seed = params.get(name) ?? "";
    const names = styles.map((style) => style.name);
    this.place = {
      seed: isSeed(seed) ? seed : this.place.seed,
      mix: params.has(`${name}-mix`) ? readMix(params.get(`${name}-mix`), names) : this.place.mix,
      strength: readNumber(params.get(`${name}-strength`), 0, 1, this.place.strength),
    };
    this.#show();
  }

  /**
   * @param {URLSearchParams} params
   * @param {string} name
   */
  write(params, name) {
    params.set(name, this.place.seed);
    params.set(`${name}-mix`, writtenMix(this.place.mix));
    if (this.place.strength < 1) params.set(`${name}-strength`, String(this.place.strength));
  }

  /** The waypoint of a request. */
  waypoint() {
    const painted = styleFields(this.place.mix);
    const strength = Object.keys(painted).length ? { style_strength: this.place.strength } : {};
    return { seed: this.place.seed, ...painted, ...strength };
  }

  #show() {
    const names = Object.keys(this.place.mix);
    this.seed.value = this.place.seed;
    this.mixed.hidden = names.length < 2;
    if (names.length > 1) say(this.mixed, "walk.mix", () => ({ mix: mixText(this.place.mix) }));
    this.style.value = names.length > 1 ? MIXED : (names[0] ?? "");
    this.strength.value = String(this.place.strength);
    this.output.textContent = `${Math.round(100 * this.place.strength)}%`;
  }

  /**
   * @param {number} by
   * @param {string} key
   * @param {string} sign
   */
  #step(by, key, sign) {
    const button = make("button", { type: "button" }, new Text(sign));
    say(button, key, {}, "aria-label");
    button.addEventListener("click", () =>
      this.set({ ...this.place, seed: stepped(this.place.seed, by) }),
    );
    return button;
  }

  /**
   * @param {string} key
   * @param {() => void} work
   */
  #button(key, work) {
    const button = make("button", { type: "button", class: "quiet" });
    say(button, key);
    button.addEventListener("click", work);
    return button;
  }
}

/**
 * @param {string} kind
 * @param {string} key
 * @param {...Element} parts
 */
function labelled(kind, key, ...parts) {
  const name = make("span");
  say(name, key);
  const field = parts.at(-1);
  if (field?.matches("span")) {
    // A label would hand clicks on to the first of several buttons.
    say(/** @type {Element} */ (field.querySelector("input")), key, {}, "aria-label");
    return make("div", { class: kind }, name, ...parts);
  }
  return make("label", { class: kind }, name, ...parts);
}
