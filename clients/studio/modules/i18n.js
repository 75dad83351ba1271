// @ts-check
/** What the page says, in the language of whoever reads it; it can change at any time. */
import { make } from "./dom.js";

const LANGUAGES = ["en", "zh-CN"];
const KEPT = "impasto.language";
/** @typedef {Record<string, string | number>} Params */
/** @typedef {{ key: string, params: Params | (() => Params) }} Said */

/** @type {Record<string, string>} */
let texts = {};
/** @type {WeakMap<Element, Map<string, Said>>} */
const said = new WeakMap();

/**
 * A text.
 * @param {string} key
 * @param {Params} [params]
 * @param {string} [otherwise] where there is none of that key
 * @returns {string}
 */
export function text(key, params = {}, otherwise = key) {
  const found = texts[key] ?? otherwise;
  return found.replace(/\{(\w+)\}/g, (whole, name) => String(params[name] ?? whole));
}

/**
 * Let an element say a text, and say it again in another language once that is chosen.
 * @param {Element} element
 * @param {string} key
 * @param {Params | (() => Params)} [params] a function, where they are texts themselves
 * @param {string} [attribute] in the place of its contents
 */
export function say(element, key, params = {}, attribute = "") {
  let parts = said.get(element);
  if (!parts) said.set(element, (parts = new Map()));
  parts.set(attribute, { key, params });
  element.toggleAttribute("data-said", true);
  speak(element, attribute, { key, params });
}

/**
 * Let an element say nothing any more.
 * @param {Element} element
 */
export function hush(element) {
  said.get(element)?.delete("");
  element.textContent = "";
}

/**
 * Say everything in the language that the reader chose, or that the browser asks for.
 * @returns {Promise<void>}
 */
export async function begin() {
  const wanted = [localStorage.getItem(KEPT) ?? "", ...navigator.languages];
  await use(wanted.map(known).find(Boolean) ?? LANGUAGES[0]);
}

/**
 * Let the reader choose.
 * @param {HTMLSelectElement} select
 */
export async function offer(select) {
  const names = await Promise.all(LANGUAGES.map(fetched));
  LANGUAGES.forEach((language, index) => {
    const name = new Text(names[index].language);
    select.append(make("option", { value: language, lang: language }, name));
  });
  select.value = document.documentElement.lang;
  select.addEventListener("change", async () => {
    localStorage.setItem(KEPT, select.value);
    await use(select.value);
  });
}

/** @param {string} language */
function known(language) {
  return LANGUAGES.find((one) => one.split("-")[0] === language.split("-")[0]);
}

/** @param {string} language */
async function use(language) {
  texts = await fetched(language);
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-say]")) {
    element.textContent = text(element.getAttribute("data-say") ?? "");
  }
  for (const element of document.querySelectorAll("[data-say-label]")) {
    element.setAttribute("aria-label", text(element.getAttribute("data-say-label") ?? ""));
  }
  for (const element of document.querySelectorAll("[data-said]")) {
    for (const [attribute, what] of said.get(element) ?? []) speak(element, attribute, what);
  }
  document.dispatchEvent(new Event("language"));
}

/**
 * @param {string} language
 * @returns {Promise<Record<string, string>>}
 */
async function fetched(language) {
  return (await fetch(`/studio/languages/${language}.json`)).json();
}

/**
 * @param {Element} element
 * @param {string} attribute
 * @param {Said} what
 */
function speak(element, attribute, { key, params }) {
  const words = text(key, typeof params === "function" ? params() : params);
  if (attribute) element.setAttribute(attribute, words);
  // Or screen readers say again what has not changed.
  else if (element.textContent !== words) element.textContent = words;
}
