// @ts-check
/** What is served, and what people call it. */
import * as api from "./api.js";
import { make } from "./dom.js";
import { say, text } from "./i18n.js";

/** @typedef {{ name: string, is_default: boolean, width: number, height: number, classes: string[], ranks: boolean, sizes: number[], latent_size: number, version: string }} Model */
/** @typedef {{ name: string, title: string, artist: string }} Style */
/** @typedef {Record<string, number>} Mix weights by style */
/** @type {Model[]} */
export let models = [];
/** @type {Style[]} */
export let styles = [];
export let readsPictures = false;

/** Ask the server what it serves. */
export async function loadNames() {
  const [served, painted] = await Promise.all([api.models(), api.styles()]);
  models = served.models;
  styles = painted.styles;
  readsPictures = painted.reads_pictures;
}

/**
 * A model; the default where there is none of that name.
 * @param {string} name
 * @returns {Model}
 */
export function modelOf(name) {
  return models.find((model) => model.name === name) ?? models[0];
}

/** @param {string} name */
export const modelName = (name) => text(`models.${name}`, {}, name);
/** @param {string} label */
export const labelName = (label) => text(`labels.${label}`, {}, label);
/** @param {string} name */
export function styleName(name) {
  return text(`styles.${name}`, {}, styles.find((style) => style.name === name)?.title ?? name);
}

/**
 * A mix in words, the strongest styles first.
 * @param {Mix} mix
 * @param {number} [most] styles that are named
 * @returns {string}
 */
export function mixText(mix, most = 3) {
  const parts = shares(mix);
  if (!parts.length) return text("mixer.unpainted");
  if (parts.length === 1) return styleName(parts[0][0]);
  const named = parts
    .slice(0, most)
    .map(([style, share]) =>
      text("mixer.part", { style: styleName(style), percent: Math.round(100 * share) }),
    );
  if (parts.length > most) named.push(text("mixer.more", { count: parts.length - most }));
  return named.join(", ");
}

/**
 * Parts of a mix that sum to 1, the largest first.
 * @param {Mix} mix
 * @returns {[string, number][]}
 */
export function shares(mix) {
  const parts = Object.entries(mix).filter(([, weight]) => weight > 0);
  const sum = parts.reduce((total, [, weight]) => total + weight, 0);
  return parts
    .map(([style, weight]) => /** @type {[string, number]} */ ([style, weight / sum]))
    .sort((one, other) => other[1] - one[1]);
}

/**
 * The fields of a request that choose the style.
 * @param {Mix} mix
 * @returns {object}
 */
export function styleFields(mix) {
  // More than the server takes are of no weight anyway.
  const parts = shares(mix).slice(0, 16);
  if (!parts.length) return {};
  if (parts.length === 1) return { style: parts[0][0] };
  return {
    style_mix: parts.map(([style, share]) => ({ style, weight: Number(share.toFixed(4)) || 1e-4 })),
  };
}

/**
 * Offer models to choose from.
 * @param {HTMLSelectElement} select
 */
export function offerModels(select) {
  for (const { name } of models) option(select, name, `models.${name}`, () => modelName(name));
}

/**
 * Offer a model's sizes.
 * @param {HTMLSelectElement} select
 * @param {Model} model
 * @param {number} chosen
 */
export function offerSizes(select, model, chosen) {
  select.replaceChildren();
  const own = Math.max(model.width, model.height);
  const first = make("option", { value: "0" });
  say(first, "generate.ownSize", { size: own });
  select.append(first);
  for (const size of model.sizes) {
    if (size !== own)
      select.append(make("option", { value: String(size) }, new Text(String(size))));
  }
  select.value = String(chosen);
  if (select.selectedIndex < 0) select.value = "0";
}

/**
 * Offer a model's classes.
 * @param {HTMLSelectElement} select
 * @param {string[]} labels
 * @param {string} any the text of choosing none
 * @param {string} chosen
 */
export function offerLabels(select, labels, any, chosen) {
  select.replaceChildren();
  const first = make("option", { value: "" });
  say(first, any);
  select.append(first);
  for (const label of labels) option(select, label, `labels.${label}`, () => labelName(label));
  select.value = labels.includes(chosen) ? chosen : "";
}

/**
 * Offer the styles.
 * @param {HTMLSelectElement} select
 * @param {string} any the text of choosing none
 */
export function offerStyles(select, any) {
  const first = make("option", { value: "" });
  say(first, any);
  select.append(first);
  for (const { name } of styles) option(select, name, `styles.${name}`, () => styleName(name));
}

/**
 * @param {HTMLSelectElement} select
 * @param {string} value
 * @param {string} key
 * @param {() => string} name
 */
function option(select, value, key, name) {
  const entry = make("option", { value });
  if (text(key) === key) entry.textContent = name();
  else say(entry, key);
  select.append(entry);
}
