// @ts-check
/** Simple gauges out of what `/metrics` says. */

/**
 * The sum of a metric's series; null: there is none.
 * @param {string} exposition in Prometheus' text format
 * @param {string} name
 * @returns {number | null}
 */
export function gauge(exposition, name) {
  let sum = null;
  for (const line of exposition.split("\n")) {
    const found = /^([a-z_]+)(?:\{[^}]*\})? (\S+)/.exec(line);
    if (found && found[1] === name) sum = (sum ?? 0) + Number(found[2]);
  }
  return sum;
}
