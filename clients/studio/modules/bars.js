// @ts-check
/** One's own last requests as bars, and in words for whoever does not see them. */
import { draw, make } from "./dom.js";
import { say, text } from "./i18n.js";
import { STAGES, requests } from "./timings.js";

const LEAST_SHOWN = 0.05;
const COLUMNS = ["now.request", "now.requests", "now.total"];
/** @type {Record<string, string>} */
export const STAGE_TEXTS = {
  queue: "now.queueStage",
  generator: "now.generator",
  discriminator: "now.discriminator",
  stylizer: "now.stylizer",
  encode: "now.encode",
  store: "now.store_stage",
  rest: "now.rest",
};

/**
 * Show the last requests.
 * @param {any} box
 */
export function showRequests(box) {
  if (!requests.length) {
    const none = make("p", { class: "empty-text" });
    say(none, "now.noRequests");
    box.replaceChildren(none);
    return;
  }
  // A stream takes as long as all its pictures: it would make every other bar a dot.
  const single = requests.filter(({ stages }) => stages.size > 1);
  const longest = Math.max(...(single.length ? single : requests).map(({ total }) => total));
  const rows = requests.map((request) => row(request, longest));
  const names = COLUMNS.map((key) => cell("th", "hidden", text(key), { scope: "col" }));
  const head = make("thead", {}, make("tr", {}, ...names));
  box.replaceChildren(make("table", {}, head, make("tbody", {}, ...rows)));
}

/**
 * @param {import("./timings.js").Timed} request
 * @param {number} longest milliseconds that fill the width
 */
function row(request, longest) {
  const parts = [...request.stages].filter(([, took]) => took >= LEAST_SHOWN);
  const words = parts
    .map(([stage, took]) => `${text(STAGE_TEXTS[stage])} ${took.toFixed(1)}`)
    .join(", ");
  const name = cell("th", "name", request.name, { scope: "row" });
  const time = request.at.toLocaleTimeString(document.documentElement.lang);
  name.append(cell("span", "hint", time));
  const chart = make("td", { class: "bar" }, bar(request.stages, longest));
  chart.append(cell("span", "hidden", words));
  const total = text("now.milliseconds", { value: request.total.toFixed(0) });
  return make("tr", { title: words }, name, chart, cell("td", "number", total));
}

/**
 * @param {import("./timings.js").Timed["stages"]} stages
 * @param {number} longest
 */
function bar(stages, longest) {
  const size = { viewBox: "0 0 100 10", preserveAspectRatio: "none" };
  const chart = draw("svg", { ...size, "aria-hidden": "true" });
  let x = 0;
  for (const stage of STAGES) {
    const width = Math.min(100, (100 * (stages.get(stage) ?? 0)) / longest);
    const place = { x, y: 0, width, height: 10 };
    if (width > 0) chart.append(draw("rect", { ...place, class: `stage-${stage}` }));
    x += width;
  }
  return chart;
}

/**
 * @param {string} tag
 * @param {string} kind
 * @param {string} words
 * @param {Record<string, string>} [more]
 */
function cell(tag, kind, words, more = {}) {
  return make(tag, { class: kind, ...more }, new Text(words));
}
