// @ts-check
/** The area Gallery: what the server keeps, found again. */
import * as api from "./api.js";
import { Detail } from "./detail.js";
import { by, later, make } from "./dom.js";
import { say } from "./i18n.js";
import {
  labelName,
  mixText,
  modelName,
  models,
  offerLabels,
  offerModels,
  offerStyles,
} from "./names.js";
import { isSeed } from "./seeds.js";
import { tellError } from "./tell.js";
import { changed } from "./view.js";

const PAGE = "24";
const FIELDS = ["seed", "style", "model", "label", "from", "until"];

/**
 * What a stored picture is called.
 * @param {any} record
 */
export function titleOf(record) {
  const label = record.label ? ` (${labelName(record.label)})` : "";
  return modelName(record.model) + label + (record.seed === null ? "" : `, ${record.seed}`);
}

export class Gallery {
  /** @param {(area: string, params: URLSearchParams) => void} go */
  constructor(go) {
    this.detail = new Detail(go, (id) => this.#gone(id));
    this.searching = new AbortController();
    this.token = "";
    this.count = 0;
    /** @type {Map<string, { item: any, url: string }>} */
    this.shown = new Map();
    offerStyles(by("search-style"), "gallery.any");
    const any = make("option", { value: "" });
    say(any, "gallery.any");
    by("search-model").append(any);
    offerModels(by("search-model"));
    offerLabels(
      by("search-label"),
      models.flatMap(({ classes }) => classes),
      "gallery.any",
      "",
    );
    const soon = later(() => this.#search(), 250);
    by("search").addEventListener("input", soon);
    by("search").addEventListener("reset", () => setTimeout(soon));
    by("search").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
    by("gallery-more").addEventListener("click", () => this.#more());
  }

  /**
   * Show the area.
   * @param {URLSearchParams} params
   */
  show(params) {
    for (const name of FIELDS) if (params.has(name)) by(`search-${name}`).value = params.get(name);
    void this.#search();
  }

  /** Whatever is under way is not wanted any more. */
  hide() {
    this.searching.abort();
    this.#clear();
  }

  /** What the address says of the area. */
  params() {
    const params = new URLSearchParams();
    for (const name of FIELDS) {
      const { value } = by(`search-${name}`);
      if (value) params.set(name, value);
    }
    return params;
  }

  async #search() {
    const seed = by("search-seed").value.trim();
    by("search-seed").setAttribute("aria-invalid", String(seed !== "" && !isSeed(seed)));
    this.searching.abort();
    this.searching = new AbortController();
    this.#clear();
    changed();
    if (seed && !isSeed(seed)) {
      this.#status("error.seed");
      return;
    }
    this.#status("gallery.loading");
    await this.#more();
  }

  async #more() {
    const { signal } = this.searching;
    by("gallery-more").disabled = true;
    try {
      const page = await api.stored(this.#query(), { signal });
      this.token = page.next_page_token;
      by("gallery-more").hidden = !this.token;
      this.count += page.pictures.length;
      if (this.count)
        this.#status("gallery.count", { count: `${this.count}${this.token ? "+" : ""}` });
      else this.#status("gallery.none");
      const items = page.pictures.map((/** @type {any} */ record) => this.#item(record));
      by("gallery-pictures").append(...items);
      for (const record of page.pictures) await this.#load(record, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof api.ApiError && error.kind === "unsupported")
        this.#status("gallery.noStore");
      else tellError(error);
    } finally {
      by("gallery-more").disabled = false;
    }
  }

  #query() {
    const query = new URLSearchParams({ page_size: PAGE });
    for (const name of ["seed", "style", "model", "label"]) {
      const value = by(`search-${name}`).value.trim();
      if (value) query.set(name, value);
    }
    const [from, until] = [by("search-from").valueAsDate, by("search-until").valueAsDate];
    if (from) query.set("created_from", here(from, 0));
    if (until) query.set("created_before", here(until, 1));
    if (this.token) query.set("page_token", this.token);
    return query;
  }

  /** @param {any} record */
  #item(record) {
    const image = make("img", { alt: "", width: "192", height: "192", class: "waiting" });
    const title = make("span", { class: "title" });
    title.textContent = titleOf(record);
    const style = make("span", { class: "hint" });
    style.textContent = mixText(record.styles, 2);
    const button = make("button", { class: "kept" }, image, title, style);
    button.addEventListener("click", async () => {
      try {
        await this.detail.open(record, await api.storedFile(record.id));
      } catch (error) {
        tellError(error);
      }
    });
    const item = make("li", {}, button);
    this.shown.set(record.id, { item, url: "" });
    return item;
  }

  /**
   * @param {any} record
   * @param {AbortSignal} signal
   */
  async #load(record, signal) {
    const entry = this.shown.get(record.id);
    if (!entry) return;
    // By the page and not by the image: it takes the key.
    const file = await api.storedFile(record.id, { signal });
    entry.url = URL.createObjectURL(file);
    const image = entry.item.querySelector("img");
    image.src = entry.url;
    image.classList.remove("waiting");
  }

  /** @param {string} id */
  #gone(id) {
    const entry = this.shown.get(id);
    if (!entry) return;
    URL.revokeObjectURL(entry.url);
    entry.item.remove();
    this.shown.delete(id);
    this.count -= 1;
    if (this.count) this.#status("gallery.count", { count: this.count });
    else this.#status("gallery.none");
  }

  #clear() {
    for (const { url } of this.shown.values()) URL.revokeObjectURL(url);
    this.shown.clear();
    by("gallery-pictures").replaceChildren();
    by("gallery-more").hidden = true;
    this.token = "";
    this.count = 0;
  }

  /**
   * @param {string} key
   * @param {import("./i18n.js").Params} [params]
   */
  #status(key, params = {}) {
    say(by("gallery-status"), key, params);
    by("gallery-status").classList.toggle(
      "empty-text",
      key === "gallery.none" || key === "gallery.noStore",
    );
  }
}

/**
 * When a day begins here, some days later.
 * @param {Date} day in UTC, as date fields give it
 * @param {number} later
 */
function here(day, later) {
  const [year, month, date] = [day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate()];
  return new Date(year, month, date + later).toISOString();
}
