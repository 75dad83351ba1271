// @ts-check
/** What a picture is generated from, as people set it. */
import { modelOf, styleFields, styles } from "./names.js";
import { drawn, isSeed } from "./seeds.js";
import { readMix, readNumber, writtenMix } from "./view.js";

export const UNBOUNDED = 3;
/**
 * @typedef {object} Scene
 * @property {string} model
 * @property {string} label empty: by seed
 * @property {number} size 0: the model's own
 * @property {string} seed
 * @property {import("./names.js").Mix} mix
 * @property {number} strength
 * @property {number} truncation `UNBOUNDED`: none
 * @property {number} candidates
 * @property {boolean} colour
 */

/**
 * The scene that an address describes.
 * @param {URLSearchParams} params
 * @returns {Scene}
 */
export function readScene(params) {
  const model = modelOf(params.get("model") ?? "");
  const names = styles.map(({ name }) => name);
  const seed = params.get("seed") ?? "";
  const label = params.get("label") ?? "";
  const size = readNumber(params.get("size"), 0, 1024, 0);
  return {
    model: model.name,
    label: model.classes.includes(label) ? label : "",
    size: model.sizes.includes(size) ? size : 0,
    seed: isSeed(seed) ? seed : drawn(),
    mix: params.has("mix") ? readMix(params.get("mix"), names) : { [names[0]]: 1 },
    strength: readNumber(params.get("strength"), 0, 1, 1),
    truncation: readNumber(params.get("truncation"), 0.2, UNBOUNDED, UNBOUNDED),
    candidates: model.ranks ? Math.round(readNumber(params.get("candidates"), 1, 16, 1)) : 1,
    colour: params.get("colour") === "1",
  };
}

/**
 * @param {Scene} scene
 * @returns {URLSearchParams}
 */
export function writtenScene(scene) {
  const params = new URLSearchParams({
    model: scene.model,
    seed: scene.seed,
    mix: writtenMix(scene.mix),
  });
  if (scene.label) params.set("label", scene.label);
  if (scene.size) params.set("size", String(scene.size));
  if (scene.strength < 1) params.set("strength", String(scene.strength));
  if (scene.truncation < UNBOUNDED) params.set("truncation", String(scene.truncation));
  if (scene.candidates > 1) params.set("candidates", String(scene.candidates));
  if (scene.colour) params.set("colour", "1");
  return params;
}

/**
 * The request for a scene's picture.
 * @param {Scene} scene
 * @returns {Record<string, any>}
 */
export function requestOf(scene) {
  const painted = styleFields(scene.mix);
  return {
    model: scene.model,
    seed: scene.seed,
    ...painted,
    ...(Object.keys(painted).length && {
      style_strength: scene.strength,
      preserve_colour: scene.colour,
    }),
    ...(scene.label && { label: scene.label }),
    ...(scene.size && { size: scene.size }),
    ...(scene.truncation < UNBOUNDED && { truncation: scene.truncation }),
    ...(scene.candidates > 1 && { candidates: scene.candidates }),
  };
}
