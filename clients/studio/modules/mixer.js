// @ts-check
/**
 * The style mixer: a point on a plane with the styles around it, the closer the stronger; and a
 * slider for each style, which says the same and can be used without a pointer.
 */
import { by, draw, make } from "./dom.js";
import { say, text } from "./i18n.js";
import { mixText, shares, styleName, styles } from "./names.js";

/** @typedef {import("./names.js").Mix} Mix */
/** @typedef {[number, number]} Point of the plane, its middle [0, 0], the styles at distance 1 */

// How far out the styles are, of half the plane's width.
const RING = 0.8;
const STEP = 0.06;
const LARGE_STEP = 0.24;
// Of a share that nobody would see.
const LEAST_SHARE = 0.04;
const SNAP = 0.12;

/**
 * The mix at a point.
 * @param {Point} point
 * @param {number} count styles around the plane
 * @returns {number[]} their shares
 */
export function sharesAt(point, count) {
  const distances = Array.from({ length: count }, (_, index) => {
    const [x, y] = place(index, count);
    return Math.hypot(point[0] - x, point[1] - y);
  });
  const nearest = Math.min(...distances);
  if (nearest < SNAP) return distances.map((distance) => (distance === nearest ? 1 : 0));
  const raw = distances.map((distance) => distance ** -3);
  const kept = normalised(raw).map((share) => (share < LEAST_SHARE ? 0 : share));
  return normalised(kept);
}

/**
 * Where a style is.
 * @param {number} index
 * @param {number} count
 * @returns {Point}
 */
function place(index, count) {
  const angle = (2 * Math.PI * index) / count - Math.PI / 2;
  return [Math.cos(angle), Math.sin(angle)];
}

/** @param {number[]} weights */
function normalised(weights) {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

export class Mixer {
  /** @param {(mix: Mix, final: boolean) => void} changed `final` where the pointer is let go */
  constructor(changed) {
    this.changed = changed;
    /** @type {Mix} */
    this.mix = {};
    /** @type {Point} */
    this.point = [0, 0];
    /** @type {any[]} */
    this.nodes = [];
    this.lines = draw("svg", { viewBox: "-1.25 -1.25 2.5 2.5", "aria-hidden": "true" });
    /** @type {any[]} */
    this.sliders = [];
    this.#buildPlane();
    this.#buildSliders();
    document.addEventListener("language", () => this.#show());
    by("mix-none").addEventListener("click", () => {
      this.set({});
      this.changed({}, true);
    });
  }

  /**
   * Show a mix that comes from elsewhere.
   * @param {Mix} mix
   */
  set(mix) {
    this.mix = mix;
    this.point = [0, 0];
    for (const [style, share] of shares(mix)) {
      const [x, y] = place(this.#index(style), styles.length);
      this.point[0] += share * x;
      this.point[1] += share * y;
    }
    this.#show();
  }

  /**
   * Show what a style looks like.
   * @param {number} index
   * @param {string} url
   */
  picture(index, url) {
    this.nodes[index].style.setProperty("background-image", `url("${url}")`);
  }

  /** @param {string} style */
  #index(style) {
    return styles.findIndex(({ name }) => name === style);
  }

  #buildPlane() {
    const plane = by("plane");
    this.lines.append(draw("circle", { r: 1, class: "ring" }));
    this.nodes = styles.map((_, index) => {
      const [x, y] = place(index, styles.length);
      this.lines.append(draw("line", { x1: x, y1: y, x2: 0, y2: 0 }));
      const node = make("span", { class: "node", "aria-hidden": "true" });
      node.style.setProperty("--x", `${50 + 50 * RING * x}%`);
      node.style.setProperty("--y", `${50 + 50 * RING * y}%`);
      return node;
    });
    this.handle = make("div", {
      id: "mix-point",
      class: "handle",
      role: "slider",
      tabindex: "0",
      "aria-valuemin": "0",
      "aria-valuemax": "100",
    });
    say(this.handle, "mixer.plane", {}, "aria-label");
    plane.append(this.lines, ...this.nodes, this.handle);
    plane.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (event.button) return;
      event.preventDefault();
      this.handle.focus({ preventScroll: true });
      plane.setPointerCapture(event.pointerId);
      this.#drag(event);
    });
    plane.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      if (plane.hasPointerCapture(event.pointerId)) this.#drag(event);
    });
    plane.addEventListener("lostpointercapture", () => this.changed(this.mix, true));
    this.handle.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) =>
      this.#press(event),
    );
  }

  #buildSliders() {
    this.sliders = styles.map(({ name }) => {
      const slider = make("input", { type: "range", min: "0", max: "1", step: "0.01", value: "0" });
      const label = make("span");
      say(label, `styles.${name}`);
      if (text(`styles.${name}`) === `styles.${name}`) label.textContent = styleName(name);
      by("mix-sliders").append(make("label", { class: "slide" }, label, make("output"), slider));
      slider.addEventListener("input", () => {
        const mix = { ...this.mix, [name]: Number(slider.value) };
        if (!mix[name]) delete mix[name];
        this.set(mix);
        this.changed(mix, false);
      });
      slider.addEventListener("change", () => this.changed(this.mix, true));
      return slider;
    });
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    const box = by("plane").getBoundingClientRect();
    const half = (RING * box.width) / 2;
    this.#move([
      (event.clientX - box.left - box.width / 2) / half,
      (event.clientY - box.top - box.height / 2) / half,
    ]);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const step = event.shiftKey ? LARGE_STEP : STEP;
    const [x, y] = this.point;
    const to = /** @type {Record<string, Point>} */ ({
      ArrowLeft: [x - step, y],
      ArrowRight: [x + step, y],
      ArrowUp: [x, y - step],
      ArrowDown: [x, y + step],
      Home: [0, 0],
    })[event.key];
    if (!to) return;
    event.preventDefault();
    this.#move(to);
  }

  /** @param {Point} point */
  #move(point) {
    const far = Math.max(1, Math.hypot(...point));
    this.point = [point[0] / far, point[1] / far];
    this.mix = {};
    sharesAt(this.point, styles.length).forEach((share, index) => {
      if (share) this.mix[styles[index].name] = Number(share.toFixed(3));
    });
    this.#show();
    this.changed(this.mix, false);
  }

  #show() {
    const [x, y] = this.point;
    const parts = new Map(shares(this.mix));
    const lines = this.lines.querySelectorAll("line");
    styles.forEach(({ name }, index) => {
      const share = parts.get(name) ?? 0;
      this.nodes[index].style.setProperty("--share", String(share));
      this.nodes[index].classList.toggle("on", share > 0);
      say(
        this.nodes[index],
        "mixer.part",
        { style: styleName(name), percent: Math.round(100 * share) },
        "title",
      );
      lines[index].setAttribute("x2", String(x));
      lines[index].setAttribute("y2", String(y));
      lines[index].style.setProperty("--share", String(share));
      this.sliders[index].value = String(this.mix[name] ?? 0);
      this.sliders[index].previousSibling.textContent = `${Math.round(100 * share)}%`;
    });
    by("plane").classList.toggle("off", parts.size === 0);
    this.handle.style.setProperty("--x", `${50 + 50 * RING * x}%`);
    this.handle.style.setProperty("--y", `${50 + 50 * RING * y}%`);
    this.handle.setAttribute(
      "aria-valuenow",
      String(Math.round(100 * Math.max(0, ...parts.values()))),
    );
    this.handle.setAttribute("aria-valuetext", mixText(this.mix, 16));
    by("mix-text").textContent = mixText(this.mix);
  }
}
