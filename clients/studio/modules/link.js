// @ts-check
/** The connection to the server: whether it answers, and what people are told when it does not. */
import { by, pause } from "./dom.js";
import { hush, say } from "./i18n.js";

const FIRST_WAIT = 400;
const LONGEST_WAIT = 4000;
const GOOD_NEWS = 3000;

/** Whether the server answered lately. */
export let up = true;
/** @type {Promise<void> | null} */
let probing = null;
let told = 0;

/**
 * Wait until the server is ready again; it is asked now and then, by all who wait together.
 * @param {"connection" | "starting"} why
 * @param {AbortSignal} [signal]
 */
export async function recovered(why, signal) {
  up = false;
  tell(`error.${why}`);
  probing ??= probe().finally(() => (probing = null));
  await Promise.race([probing, given(signal)]);
}

/**
 * Wait as long as a full server asks for, and say so.
 * @param {number} seconds
 * @param {AbortSignal} [signal]
 */
export async function roomAgain(seconds, signal) {
  const mine = tell("error.full", { seconds });
  try {
    await pause(1000 * seconds, signal);
  } finally {
    if (mine === told) quiet();
  }
}

async function probe() {
  for (let wait = FIRST_WAIT; ; wait = Math.min(1.5 * wait, LONGEST_WAIT)) {
    await pause(wait);
    try {
      if ((await fetch("/health/ready", { cache: "no-store" })).ok) break;
    } catch {
      // Not yet.
    }
  }
  up = true;
  const mine = tell("error.recovered");
  by("banner").classList.add("good");
  setTimeout(() => mine === told && quiet(), GOOD_NEWS);
}

/**
 * @param {string} key
 * @param {import("./i18n.js").Params} [params]
 * @returns {number} which telling it is
 */
function tell(key, params = {}) {
  const banner = by("banner");
  banner.hidden = false;
  banner.classList.remove("good");
  say(banner, key, params);
  return ++told;
}

function quiet() {
  hush(by("banner"));
  by("banner").hidden = true;
}

/**
 * @param {AbortSignal} [signal]
 * @returns {Promise<never>}
 */
function given(signal) {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}
