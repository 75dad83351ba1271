// @ts-check
/** How long this page's own last requests took, stage by stage. */
const KEPT = 24;

/** @typedef {"queue" | "generator" | "discriminator" | "stylizer" | "encode" | "store" | "rest"} Stage */
/** @typedef {{ name: string, at: Date, total: number, stages: Map<Stage, number> }} Timed */
/** @type {Stage[]} */
export const STAGES = [
  "queue",
  "generator",
  "discriminator",
  "stylizer",
  "encode",
  "store",
  "rest",
];
/** @type {Timed[]} */
export const requests = [];

/**
 * Keep what a request took.
 * @param {string} name
 * @param {number} total milliseconds, as the page saw it
 * @param {string} header the answer's Server-Timing
 */
export function record(name, total, header) {
  requests.unshift({ name, at: new Date(), total, stages: stagesOf(header, total) });
  requests.length = Math.min(requests.length, KEPT);
  document.dispatchEvent(new Event("timed"));
}

/**
 * @param {string} header
 * @param {number} total
 * @returns {Map<Stage, number>}
 */
export function stagesOf(header, total) {
  /** @type {Map<Stage, number>} */
  const stages = new Map();
  let known = 0;
  for (const [, name, duration] of header.matchAll(/([^\s;,]+);dur=([\d.]+)/g)) {
    const stage = stageOf(name);
    if (!stage) continue;
    stages.set(stage, (stages.get(stage) ?? 0) + Number(duration));
    known += Number(duration);
  }
  stages.set("rest", Math.max(0, total - known));
  return stages;
}

/**
 * @param {string} name
 * @returns {Stage | null} null: the sum of others
 */
function stageOf(name) {
  if (name === "chain") return null;
  if (name.endsWith(".queue")) return "queue";
  if (name === "rank" || name.endsWith("discriminator")) return "discriminator";
  if (name.endsWith("generator")) return "generator";
  if (name === "stylizer" || name === "style_encoder") return "stylizer";
  return name === "encode" ? "encode" : name === "store" ? "store" : null;
}
