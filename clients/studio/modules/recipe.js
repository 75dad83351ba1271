// @ts-check
/** A stored picture's recipe as what people can run. */
import { text } from "./i18n.js";

/** @typedef {Record<string, any>} Recipe */
export const KINDS = /** @type {const} */ (["cli", "python", "grpcurl"]);
const TARGET = "localhost:8081";
const STYLE_PICTURE = "style.png";
const PHOTO = "photo.png";

/**
 * A recipe as a command line, Python or a call of grpcurl.
 * @param {typeof KINDS[number]} kind
 * @param {Recipe} recipe
 * @param {string} format of the file
 * @returns {string}
 */
export function written(kind, recipe, format) {
  const lines = { cli, python, grpcurl }[kind](recipe, format);
  return (needsPicture(recipe) ? `${text("detail.pictureNeeded")}\n` : "") + lines;
}

/**
 * Whether it was somebody's own picture.
 * @param {Recipe} recipe
 */
export function isPainted(recipe) {
  return !recipe.start && !recipe.seed && !recipe.latent;
}

/** @param {Recipe} recipe */
function needsPicture(recipe) {
  const parts = [recipe, recipe.start ?? {}, recipe.end ?? {}];
  return isPainted(recipe) || parts.some((part) => part.style_picture_sha256);
}

/**
 * @param {Recipe} recipe
 * @param {string} format
 */
function cli(recipe, format) {
  if (recipe.start) return cliWalk(recipe);
  const words = isPainted(recipe) ? ["stylize", PHOTO] : ["generate"];
  if (!isPainted(recipe))
    words.push("--model", recipe.model, ...(recipe.seed ? ["--seed", recipe.seed] : []));
  for (const style of cliStyles(recipe)) words.push("--style", style);
  if ((recipe.style_strength ?? 1) !== 1) words.push("--strength", String(recipe.style_strength));
  if (recipe.preserve_colour) words.push("--preserve-colour");
  if (recipe.label) words.push("--label", recipe.label);
  if (recipe.truncation) words.push("--truncation", String(recipe.truncation));
  if (recipe.size) words.push("--size", String(recipe.size));
  return command([...words, "-o", `picture.${format}`]);
}

/** @param {Recipe} recipe */
function cliWalk(recipe) {
  const words = ["interpolate", recipe.start.seed, recipe.end.seed];
  for (const style of cliStyles(recipe.start)) words.push("--start-style", style);
  for (const style of cliStyles(recipe.end)) words.push("--end-style", style);
  words.push("--model", recipe.model, "--frames", String(recipe.frames));
  if (recipe.label) words.push("--label", recipe.label);
  if (recipe.size) words.push("--size", String(recipe.size));
  if (recipe.preserve_colour) words.push("--preserve-colour");
  return command([...words, "-o", "walk.webp"]);
}

/** @param {Recipe} recipe */
function cliStyles(recipe) {
  if (recipe.style_picture_sha256) return [STYLE_PICTURE];
  if (recipe.style) return [recipe.style];
  return Object.entries(recipe.style_mix ?? {}).map(([style, weight]) => `${style}=${weight}`);
}

/** @param {string[]} words */
function command(words) {
  return ["impasto", ...words.map(quoted)].join(" ");
}

/**
 * A word as a shell takes it.
 * @param {string} word
 */
function quoted(word) {
  return /^[\w./=:+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * @param {Recipe} recipe
 * @param {string} format
 */
function python(recipe, format) {
  const walk = Boolean(recipe.start);
  const painted = isPainted(recipe);
  const head = walk
    ? "from impasto import Client, Waypoint"
    : "from impasto import Client, PictureFormat";
  const options = pythonOptions(recipe, walk ? "" : format);
  let call = `client.generate(${options.join(", ")})[0]`;
  if (painted) call = `client.stylize(open("${PHOTO}", "rb").read(), ${options.join(", ")})`;
  if (walk)
    call = `client.animate(${[pythonEnd(recipe.start), pythonEnd(recipe.end), ...options].join(", ")})`;
  return [
    head,
    "",
    `with Client("${TARGET}") as client:`,
    `    picture = ${call}`,
    `    picture.save("picture.${walk ? "webp" : format}")`,
  ].join("\n");
}

/**
 * @param {Recipe} recipe
 * @param {string} format
 * @returns {string[]}
 */
function pythonOptions(recipe, format) {
  const options = [];
  if (!isPainted(recipe)) options.push(`model=${JSON.stringify(recipe.model)}`);
  if (recipe.seed) options.push(`seed=${recipe.seed}`);
  if (recipe.latent) options.push(`latents=[${JSON.stringify(recipe.latent)}]`);
  if (recipe.frames) options.push(`frames=${recipe.frames}`);
  options.push(...pythonStyle(recipe));
  if (recipe.preserve_colour) options.push("preserve_colour=True");
  if (recipe.label) options.push(`label=${JSON.stringify(recipe.label)}`);
  if (recipe.truncation) options.push(`truncation=${recipe.truncation}`);
  if (recipe.size) options.push(`size=${recipe.size}`);
  if (format && format !== "png")
    options.push(`picture_format=PictureFormat.${format.toUpperCase()}`);
  return options;
}

/**
 * @param {Recipe} recipe
 * @returns {string[]}
 */
function pythonStyle(recipe) {
  const options = [];
  if (recipe.style_picture_sha256) options.push(`style=open("${STYLE_PICTURE}", "rb").read()`);
  else if (recipe.style) options.push(`style=${JSON.stringify(recipe.style)}`);
  else if (recipe.style_mix) options.push(`style=${JSON.stringify(recipe.style_mix)}`);
  if ((recipe.style_strength ?? 1) !== 1) options.push(`style_strength=${recipe.style_strength}`);
  return options;
}

/** @param {Recipe} end */
function pythonEnd(end) {
  const place = end.seed ? `seed=${end.seed}` : `latent=${JSON.stringify(end.latent)}`;
  return `Waypoint(${[place, ...pythonStyle(end)].join(", ")})`;
}

/**
 * @param {Recipe} recipe
 * @param {string} format
 */
function grpcurl(recipe, format) {
  const method = recipe.start ? "Interpolate" : isPainted(recipe) ? "Stylize" : "Generate";
  /** @type {Record<string, any>} */
  const message = { ...messageStyle(recipe) };
  if (method === "Stylize") message.picture = "BASE64";
  else message.model = recipe.model;
  if (recipe.seed) message.seed = recipe.seed;
  if (recipe.latent) message.latents = [{ values: recipe.latent }];
  for (const name of ["label", "truncation", "size", "preserve_colour", "frames"]) {
    if (recipe[name]) message[name] = recipe[name];
  }
  if (recipe.start) {
    message.animation = true;
    for (const name of ["start", "end"]) {
      const { seed, latent } = recipe[name];
      message[name] = {
        ...(seed ? { seed } : { latent: { values: latent } }),
        ...messageStyle(recipe[name]),
      };
    }
  } else if (format !== "png") message.format = `OUTPUT_FORMAT_${format.toUpperCase()}`;
  const data = JSON.stringify(message).replaceAll("'", `'\\''`);
  return `grpcurl -plaintext -d '${data}' ${TARGET} impasto.v1.ImageService/${method}`;
}

/**
 * @param {Recipe} recipe
 * @returns {Recipe}
 */
function messageStyle(recipe) {
  return {
    ...(recipe.style_picture_sha256 && { style_picture: "BASE64" }),
    ...(recipe.style && { style: recipe.style }),
    ...(recipe.style_mix && {
      style_mix: Object.entries(recipe.style_mix).map(([style, weight]) => ({ style, weight })),
    }),
    ...((recipe.style_strength ?? 1) !== 1 && { style_strength: recipe.style_strength }),
  };
}
