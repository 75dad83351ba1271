// @ts-check
/** What a picture's file says of its origin. */

/**
 * IPTC's digital source type in a file's XMP; null: it says nothing.
 * @param {Blob} file
 * @returns {Promise<string | null>}
 */
export async function sourceType(file) {
  const text = new TextDecoder("latin1").decode(await file.arrayBuffer());
  const found = /DigitalSourceType="[^"]*\/([A-Za-z]+)"/.exec(text);
  return found && found[1];
}

/**
 * Whether a file is the one of that digest; null: this browser does not compute digests here.
 * @param {Blob} file
 * @param {string} sha256 in hexadecimal
 * @returns {Promise<boolean | null>}
 */
export async function isIntact(file, sha256) {
  // There is none where the page came over plain HTTP from another machine.
  if (!globalThis.crypto?.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0"));
  return hex.join("") === sha256;
}
