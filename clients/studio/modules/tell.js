// @ts-check
/** What people are told in passing. */
import { by } from "./dom.js";
import { say } from "./i18n.js";
import { ApiError } from "./api.js";

const SHOWN = 6000;
let timer = 0;

/**
 * Tell something.
 * @param {string} key
 * @param {import("./i18n.js").Params} [params]
 */
export function toast(key, params = {}) {
  const box = by("toast");
  say(box, key, params);
  box.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => (box.hidden = true), SHOWN);
}

/**
 * Tell whoever does not see the page.
 * @param {string} key
 */
export function announce(key) {
  say(by("announce"), key);
}

/**
 * Tell why something failed, and what to do.
 * @param {unknown} error
 */
export function tellError(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (error instanceof ApiError) toast(`error.${error.kind}`, { text: error.message });
  else {
    console.error(error);
    toast("error.server");
  }
}

/**
 * Copy a text.
 * @param {string} words
 * @param {string} done what is said then
 */
export async function copy(words, done) {
  try {
    await navigator.clipboard.writeText(words);
    toast(done);
  } catch {
    toast("error.copy");
  }
}
