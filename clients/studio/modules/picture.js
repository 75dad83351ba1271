// @ts-check
/** Pictures between bytes, canvases and files. */
import { make } from "./dom.js";

const MEDIA = /** @type {Record<string, string>} */ ({
  png: "image/png",
  jpeg: "image/jpeg",
  webp: "image/webp",
});

/**
 * The file of an answer's picture.
 * @param {import("./api.js").Picture} picture
 * @returns {Blob}
 */
export function blobOf(picture) {
  return new Blob([bytesOf(picture)], { type: MEDIA[picture.format] });
}

/**
 * Put an answer's bare pixels on a canvas at once: there is nothing to decode.
 * @param {any} canvas
 * @param {import("./api.js").Picture} picture
 */
export function paintPixels(canvas, picture) {
  const { width, height } = picture;
  const bytes = bytesOf(picture);
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  for (let pixel = 0, at = 0; pixel < words.length; pixel += 1, at += 3) {
    words[pixel] = 0xff000000 | (bytes[at + 2] << 16) | (bytes[at + 1] << 8) | bytes[at];
  }
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** @param {import("./api.js").Picture} picture */
function bytesOf(picture) {
  const letters = atob(picture.data);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

/**
 * Put a picture on a canvas, as soon as it is decoded.
 * @param {any} canvas
 * @param {Blob | ImageBitmap} picture
 */
export async function paint(canvas, picture) {
  const bitmap = picture instanceof Blob ? await createImageBitmap(picture) : picture;
  if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
  if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  if (picture instanceof Blob) bitmap.close();
}

/**
 * Give somebody a file.
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * The file in base64, as requests carry it.
 * @param {Blob} blob
 * @returns {Promise<string>}
 */
export function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1]);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/**
 * A picture file that the server reads, no longer than `side` pixels; photographs of phones are
 * larger than it takes.
 * @param {Blob} file
 * @param {number} side
 * @returns {Promise<Blob>}
 */
export async function fitted(file, side) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && Object.values(MEDIA).includes(file.type)) {
    bitmap.close();
    return file;
  }
  const canvas = make("canvas");
  canvas.width = Math.max(1, Math.round(scale * bitmap.width));
  canvas.height = Math.max(1, Math.round(scale * bitmap.height));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve, reject) => {
    const done = (/** @type {Blob | null} */ blob) => (blob ? resolve(blob) : reject(new Error()));
    canvas.toBlob(done, "image/png");
  });
}
