// @ts-check
/** Calls to the server's REST face; a full or absent server is asked again until it answers. */
import { askForKey, currentKey } from "./key.js";
import { inLane } from "./lanes.js";
import { recovered, roomAgain } from "./link.js";
import { record } from "./timings.js";

/** @typedef {{ signal?: AbortSignal, background?: boolean }} Options */
/**
 * @typedef {object} Picture
 * @property {string} data in base64
 * @property {string} format
 * @property {number} width
 * @property {number} height
 * @property {string | null} seed
 * @property {string} label
 * @property {number | null} score
 * @property {string} id
 */
/** @typedef {{ pictures: Picture[], model: string, took: number, answered: number }} Answer */

const KINDS = /** @type {Record<number, string>} */ ({
  400: "request",
  401: "key",
  403: "forbidden",
  404: "missing",
  413: "large",
  429: "full",
  501: "unsupported",
  503: "starting",
});
const DEFAULT_WAIT = 1;

/** Why there is no answer. */
export class ApiError extends Error {
  /**
   * @param {string} kind as in the texts `error.KIND`
   * @param {string} message what the server said
   * @param {number} [wait] seconds after which to ask again
   */
  constructor(kind, message, wait = DEFAULT_WAIT) {
    super(message);
    this.kind = kind;
    this.wait = wait;
  }
}

/**
 * Pictures from seeds.
 * @param {object} body
 * @param {Options} [options]
 * @returns {Promise<Answer>}
 */
export function generate(body, options) {
  return inLane(() => json("/v1/generate", "Generate", { body, ...options }), options);
}

/**
 * One's own picture, painted.
 * @param {object} body
 * @param {Options} [options]
 * @returns {Promise<Answer>}
 */
export function stylize(body, options) {
  return inLane(() => json("/v1/stylize", "Stylize", { body, ...options }), options);
}

/**
 * Pictures one by one, as they are done.
 * @param {"generate/stream" | "interpolate"} path
 * @param {object} body
 * @param {(index: number, picture: Picture) => void} take
 * @param {AbortSignal} [signal]
 */
export function stream(path, body, take, signal) {
  const name = path === "interpolate" ? "Interpolate" : "GenerateStream";
  return inLane(
    () =>
      patiently(signal, async () => {
        const started = performance.now();
        const response = await send(`/v1/${path}`, { body, signal });
        await eachLine(response, (line) => {
          if (line.error) throw new ApiError("request", line.error);
          take(line.index, line.picture);
        });
        record(name, performance.now() - started, "");
      }),
    { signal },
  );
}

/** @returns {Promise<any>} */
export const models = () => json("/v1/models", "");
/** @returns {Promise<any>} */
export const styles = () => json("/v1/styles", "");
/** @returns {Promise<any>} */
export const server = () => json("/v1/server", "");
/**
 * Stored pictures.
 * @param {URLSearchParams} query
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export const stored = (query, options) => json(`/v1/pictures?${query}`, "", options);

/**
 * A stored picture's file.
 * @param {string} id
 * @param {Options} [options]
 * @returns {Promise<Blob>}
 */
export function storedFile(id, options = {}) {
  return patiently(options.signal, async () =>
    (await send(`/v1/pictures/${id}/file`, options)).blob(),
  );
}

/**
 * Delete a stored picture.
 * @param {string} id
 */
export function remove(id) {
  return patiently(undefined, () => send(`/v1/pictures/${id}`, { method: "DELETE" }));
}

/**
 * The server's metrics, as text.
 * @param {AbortSignal} signal
 * @returns {Promise<string>}
 */
export function metrics(signal) {
  return patiently(signal, async () => received((await send("/metrics", { signal })).text()));
}

/**
 * @param {string} path
 * @param {string} name as the list of requests shows it; empty: not at all
 * @param {{ body?: object, signal?: AbortSignal, background?: boolean }} [options]
 */
function json(path, name, options = {}) {
  return patiently(options.signal, async () => {
    const started = performance.now();
    const response = await send(path, options);
    const text = await received(response.text());
    const answered = performance.now();
    // What fills thumbnails would push out what people asked for.
    if (name && !options.background)
      record(name, answered - started, response.headers.get("Server-Timing") ?? "");
    return { ...JSON.parse(text), took: answered - started, answered };
  });
}

/**
 * Do `work` until the server does it, or says that it never will.
 * @template Result
 * @param {AbortSignal | undefined} signal
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
async function patiently(signal, work) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.kind === "full") await roomAgain(error.wait, signal);
      else if (error.kind === "connection" || error.kind === "starting") {
        await recovered(error.kind, signal);
      } else if (error.kind !== "key" || !(await askForKey())) throw error;
    }
  }
}

/**
 * @param {string} path
 * @param {{ method?: string, body?: object, signal?: AbortSignal }} options
 * @returns {Promise<Response>}
 */
async function send(path, { method, body, signal }) {
  const key = currentKey();
  const response = await received(
    fetch(path, {
      method: method ?? (body ? "POST" : "GET"),
      headers: key ? { Authorization: `Bearer ${key}` } : {},
      body: body && JSON.stringify(body),
      signal,
    }),
  );
  if (response.ok) return response;
  const said = await response.text();
  const wait = Number(response.headers.get("Retry-After") ?? DEFAULT_WAIT);
  throw new ApiError(KINDS[response.status] ?? "server", sentence(said), wait);
}

/** @param {string} said */
function sentence(said) {
  try {
    return String(JSON.parse(said).error);
  } catch {
    return said;
  }
}

/**
 * @template Result
 * @param {Promise<Result>} coming
 * @returns {Promise<Result>}
 */
async function received(coming) {
  try {
    return await coming;
  } catch (error) {
    if (error instanceof TypeError) throw new ApiError("connection", error.message);
    throw error;
  }
}

/**
 * @param {Response} response
 * @param {(line: any) => void} take
 */
async function eachLine(response, take) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body)
    .pipeThrough(/** @type {any} */ (new TextDecoderStream()))
    .getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await received(reader.read());
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line) take(JSON.parse(line));
    if (done) return;
  }
}
