// @ts-check
/** What each style looks like, on one picture of a model; in the background, one after another. */
import * as api from "./api.js";
import { modelOf, styles } from "./names.js";
import { blobOf } from "./picture.js";
import { tellError } from "./tell.js";

const SIDE = 64;
const SEED = "7";
/** @type {Map<string, string[]>} */
const known = new Map();

/**
 * Show every style's picture as soon as there is one.
 * @param {string} name of the model
 * @param {(index: number, url: string) => void} show
 */
export async function showStyles(name, show) {
  const urls = known.get(name) ?? [];
  known.set(name, urls);
  const size = modelOf(name).sizes.find((one) => one >= SIDE);
  try {
    for (let index = 0; index < styles.length; index += 1) {
      urls[index] ??= await made(name, index, size);
      show(index, urls[index]);
    }
  } catch (error) {
    tellError(error);
  }
}

/**
 * @param {string} model
 * @param {number} index
 * @param {number | undefined} size
 */
async function made(model, index, size) {
  const body = {
    model,
    seed: SEED,
    size,
    style: styles[index].name,
    format: "jpeg",
    priority: "low",
  };
  const { pictures } = await api.generate(body, { background: true });
  return URL.createObjectURL(blobOf(pictures[0]));
}
