// @ts-check
/** What is looked at, in the address: a view can be kept as a bookmark and given to others. */
import { later } from "./dom.js";

/** @type {() => [string, URLSearchParams]} */
let current = () => ["generate", new URLSearchParams()];
const write = later(() => history.replaceState(null, "", address()), 250);

/**
 * Say what is looked at.
 * @param {() => [string, URLSearchParams]} tell the area and its settings
 */
export function watch(tell) {
  current = tell;
}

/** Something has changed: the address follows soon. */
export function changed() {
  write();
}

/** The address of what is looked at. */
export function address() {
  const [area, params] = current();
  const query = params.toString();
  return `#${area}${query && "?"}${query}`;
}

/** @returns {[string, URLSearchParams]} what the address asks for */
export function asked() {
  const [area, query] = location.hash.slice(1).split("?", 2);
  return [area, new URLSearchParams(query ?? "")];
}

/**
 * A mix as an address writes it.
 * @param {import("./names.js").Mix} mix
 */
export function writtenMix(mix) {
  const parts = Object.entries(mix).filter(([, weight]) => weight > 0);
  return parts.map(([style, weight]) => `${style}:${Number(weight.toFixed(3))}`).join(",");
}

/**
 * @param {string | null} written
 * @param {string[]} known names of styles
 * @returns {import("./names.js").Mix}
 */
export function readMix(written, known) {
  /** @type {import("./names.js").Mix} */
  const mix = {};
  for (const part of (written ?? "").split(",")) {
    const [style, weight] = part.split(":");
    if (known.includes(style) && Number(weight) > 0) mix[style] = Math.min(1, Number(weight));
  }
  return mix;
}

/**
 * A number from an address, within bounds.
 * @param {string | null} written
 * @param {number} least
 * @param {number} most
 * @param {number} otherwise
 */
export function readNumber(written, least, most, otherwise) {
  const number = Number(written);
  if (written === null || written === "" || !Number.isFinite(number)) return otherwise;
  return Math.min(most, Math.max(least, number));
}
