// @ts-check
/** The area Now: one's own last requests by stage, the queue, and what the server runs on. */
import * as api from "./api.js";
import { STAGE_TEXTS, showRequests } from "./bars.js";
import { showFacts } from "./detail.js";
import { by, draw, make, pause } from "./dom.js";
import { gauge } from "./gauges.js";
import { say, text } from "./i18n.js";
import { modelName, models, styles } from "./names.js";
import { tellError } from "./tell.js";
import { STAGES } from "./timings.js";

const EVERY = 1000;
const KEPT = 60;
const GAUGES = [
  {
    key: "now.inFlight",
    name: "impasto_in_flight_pictures",
    limit: "impasto_in_flight_limit_pictures",
  },
  { key: "now.backlog", name: "impasto_backlog_pictures", limit: "impasto_backlog_limit_pictures" },
  { key: "now.waiting", name: "impasto_queue_depth", limit: "" },
  { key: "now.calls", name: "impasto_calls_under_way", limit: "" },
];
export class Now {
  constructor() {
    this.visible = false;
    this.looking = new AbortController();
    /** @type {number[][]} */
    this.history = GAUGES.map(() => []);
    by("now-legend").append(
      ...STAGES.map((stage) => {
        const item = make("li", { class: `stage-${stage}` });
        say(item, STAGE_TEXTS[stage]);
        return item;
      }),
    );
    this.meters = GAUGES.map(({ key }) => {
      const name = make("span", { class: "name" });
      say(name, key);
      const value = make("output", { class: "value" });
      const chart = draw("svg", {
        viewBox: `0 0 ${KEPT} 20`,
        preserveAspectRatio: "none",
        "aria-hidden": "true",
      });
      const line = draw("polyline");
      chart.append(line);
      by("now-queue").append(make("div", { class: "meter" }, name, value, chart));
      return { value, line };
    });
    document.addEventListener("timed", () => this.visible && showRequests(by("now-requests")));
    document.addEventListener("language", () => this.visible && this.#showAll());
  }

  /** Show the area. */
  show() {
    this.visible = true;
    this.looking = new AbortController();
    this.#showAll();
    void this.#look(this.looking.signal);
    void this.#describe();
  }

  /** Nobody looks any more. */
  hide() {
    this.visible = false;
    this.looking.abort();
  }

  /** What the address says of the area. */
  params() {
    return new URLSearchParams();
  }

  #showAll() {
    showRequests(by("now-requests"));
    this.#showServer();
  }

  /** @param {AbortSignal} signal */
  async #look(signal) {
    while (!signal.aborted) {
      try {
        this.#showQueue(await api.metrics(signal));
      } catch (error) {
        if (!signal.aborted) tellError(error);
      }
      await pause(EVERY, signal).catch(() => {});
    }
  }

  /** @param {string} exposition */
  #showQueue(exposition) {
    GAUGES.forEach(({ name, limit }, index) => {
      const value = gauge(exposition, name) ?? 0;
      const most = limit ? gauge(exposition, limit) : null;
      const history = this.history[index];
      // From the first look on there is a line.
      if (!history.length) history.push(value);
      history.push(value);
      if (history.length > KEPT) history.shift();
      const top = Math.max(1, ...history);
      const points = history.map(
        (one, at) => `${KEPT - history.length + at},${19 - (18 * one) / top}`,
      );
      this.meters[index].line.setAttribute("points", points.join(" "));
      this.meters[index].value.textContent = most === null ? String(value) : `${value} / ${most}`;
    });
  }

  async #describe() {
    try {
      this.about = await api.server();
      this.#showServer();
    } catch (error) {
      tellError(error);
    }
  }

  #showServer() {
    const { about } = this;
    if (!about) return;
    showFacts(by("now-server"), [
      ["now.version", about.version],
      ["now.engine", `${about.engine} ${about.engine_version}`.trim()],
      ["now.python", about.python],
      ["now.cores", String(about.cores)],
      [
        "now.models",
        models.map(({ name, version }) => `${modelName(name)} (${version})`).join(", "),
      ],
      ["now.styles", String(styles.length)],
      ["now.store", text(about.stores ? "now.yes" : "now.no")],
    ]);
  }
}
