// @ts-check
/** Seeds: whole numbers of 64 bits, as texts, for a JavaScript number does not hold them. */
const ALL = 1n << 64n;

/**
 * The seed some steps on; after the last one comes the first.
 * @param {string} seed
 * @param {number} steps
 */
export function stepped(seed, steps) {
  return String((((BigInt(seed) + BigInt(steps)) % ALL) + ALL) % ALL);
}

/**
 * Whether that is a seed.
 * @param {string} text
 */
export function isSeed(text) {
  return /^\d{1,20}$/.test(text) && BigInt(text) < ALL;
}

/** A seed by chance; short enough to be remembered. */
export function drawn() {
  return String(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000);
}
