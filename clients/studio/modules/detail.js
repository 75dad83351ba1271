// @ts-check
/** One stored picture: where it comes from, how it is made again, and what to do with it. */
import * as api from "./api.js";
import { by, make } from "./dom.js";
import { say, text } from "./i18n.js";
import { labelName, mixText, modelName } from "./names.js";
import { download } from "./picture.js";
import { isIntact, sourceType } from "./provenance.js";
import { KINDS, isPainted, written } from "./recipe.js";
import { copy, tellError, toast } from "./tell.js";
import { writtenMix } from "./view.js";

const KILOBYTE = 1024;

export class Detail {
  /**
   * @param {(area: string, params: URLSearchParams) => void} go
   * @param {(id: string) => void} gone is told what was deleted
   */
  constructor(go, gone) {
    this.gone = gone;
    /** @type {typeof KINDS[number]} */
    this.kind = "cli";
    this.url = "";
    this.file = new Blob();
    this.sure = false;
    this.kinds = KINDS.map((kind) => {
      const button = make("button", { type: "button" });
      say(button, `detail.${kind}`);
      button.addEventListener("click", () => {
        this.kind = kind;
        this.#showRecipe();
      });
      return button;
    });
    by("recipe-kinds").append(...this.kinds);
    by("recipe-copy").addEventListener("click", () =>
      copy(by("recipe-text").textContent, "detail.copied"),
    );
    by("detail-close").addEventListener("click", () => by("detail").close());
    by("detail").addEventListener("close", () => URL.revokeObjectURL(this.url));
    by("detail-download").addEventListener("click", () =>
      download(
        this.file,
        `${this.record.model}-${this.record.seed ?? this.record.id}.${this.record.format}`,
      ),
    );
    by("detail-delete").addEventListener("click", () => this.#remove());
    by("detail-open").addEventListener("click", () => {
      by("detail").close();
      const { recipe } = this.record;
      if (recipe.start) go("walk", walkParams(recipe));
      else go("generate", sceneParams(recipe));
    });
  }

  /**
   * Show a picture.
   * @param {any} record
   * @param {Blob} file
   */
  async open(record, file) {
    this.record = record;
    this.file = file;
    this.url = URL.createObjectURL(file);
    this.#sure(false);
    by("detail-picture").src = this.url;
    const title = record.seed === null ? "detail.untitled" : "detail.title";
    say(by("detail-title"), title, () => ({
      model: modelName(record.model),
      seed: record.seed ?? "",
    }));
    by("detail-picture").alt = by("detail-title").textContent;
    by("detail-open").hidden = isPainted(record.recipe) || Boolean(record.recipe.latent);
    say(by("detail-open"), record.recipe.start ? "detail.openWalk" : "detail.open");
    this.#showFacts();
    this.#showRecipe();
    by("detail").showModal();
    await this.#showProvenance();
  }

  #showFacts() {
    const { record } = this;
    const when = new Date(record.created_at).toLocaleString(document.documentElement.lang);
    const size = Math.max(1, Math.round(record.byte_size / KILOBYTE));
    const facts = [
      ["fact.created", when],
      ["fact.model", `${modelName(record.model)} ${record.model_version}`],
      ["fact.label", record.label && labelName(record.label)],
      ["fact.styles", mixText(record.styles, 6)],
      ["fact.size", `${record.width} × ${record.height}`],
      ["fact.score", record.score === null ? "" : record.score.toFixed(2)],
      ["fact.file", `${record.format.toUpperCase()}, ${size} kB`],
    ];
    showFacts(
      by("detail-facts"),
      facts.filter(([, value]) => value),
    );
  }

  #showRecipe() {
    this.kinds.forEach((button, index) =>
      button.setAttribute("aria-pressed", String(KINDS[index] === this.kind)),
    );
    by("recipe-text").textContent = written(this.kind, this.record.recipe, this.record.format);
  }

  async #showProvenance() {
    const [source, intact] = await Promise.all([
      sourceType(this.file),
      isIntact(this.file, this.record.sha256),
    ]);
    const sentences = [source ? text("detail.machine", { source }) : text("detail.bare")];
    if (intact !== null) sentences.push(text(intact ? "detail.intact" : "detail.damaged"));
    by("detail-provenance").textContent = sentences.join(" ");
  }

  /** @param {boolean} sure */
  #sure(sure) {
    this.sure = sure;
    say(by("detail-delete"), sure ? "detail.sure" : "detail.delete");
  }

  async #remove() {
    if (!this.sure) {
      this.#sure(true);
      return;
    }
    try {
      await api.remove(this.record.id);
      by("detail").close();
      this.gone(this.record.id);
      toast("detail.deleted");
    } catch (error) {
      if (error instanceof api.ApiError && error.kind === "forbidden") {
        by("detail").close();
        toast("detail.forbidden");
      } else tellError(error);
    }
  }
}

/**
 * Pairs of names and values.
 * @param {any} list
 * @param {string[][]} facts keys of texts, and values
 */
export function showFacts(list, facts) {
  list.replaceChildren(
    ...facts.flatMap(([key, value]) => {
      const name = make("dt");
      say(name, key);
      return [name, make("dd", {}, new Text(value))];
    }),
  );
}

/** @param {Record<string, any>} part of a recipe */
function mixOf(part) {
  return part.style ? { [part.style]: 1 } : (part.style_mix ?? {});
}

/** @param {Record<string, any>} recipe */
function sceneParams(recipe) {
  const params = new URLSearchParams({ mix: writtenMix(mixOf(recipe)) });
  for (const name of ["model", "seed", "label", "size", "truncation"]) {
    if (recipe[name]) params.set(name, String(recipe[name]));
  }
  if (recipe.style_strength !== undefined) params.set("strength", String(recipe.style_strength));
  if (recipe.preserve_colour) params.set("colour", "1");
  return params;
}

/** @param {Record<string, any>} recipe */
function walkParams(recipe) {
  const params = new URLSearchParams({ model: recipe.model, frames: String(recipe.frames) });
  for (const name of ["start", "end"]) {
    const end = recipe[name];
    params.set(name, end.seed ?? "");
    params.set(`${name}-mix`, writtenMix(mixOf(end)));
    if (end.style_strength !== undefined)
      params.set(`${name}-strength`, String(end.style_strength));
  }
  for (const name of ["label", "size"]) if (recipe[name]) params.set(name, String(recipe[name]));
  return params;
}
