// @ts-check
/**
 * No more than two requests for pictures are in flight at a time, whoever makes them. What people
 * wait for goes first, and what fills thumbnails never takes both places.
 */
const LANES = 2;

/** @typedef {{ background: boolean, begin: () => void }} Waiting */
/** @type {Waiting[]} */
let waiting = [];
let taken = 0;
let takenBackground = 0;

/**
 * Do a piece of work in a lane.
 * @template Result
 * @param {() => Promise<Result>} work
 * @param {{ background?: boolean, signal?: AbortSignal }} [options]
 * @returns {Promise<Result>}
 */
export async function inLane(work, { background = false, signal } = {}) {
  await place(background, signal);
  try {
    return await work();
  } finally {
    taken -= 1;
    if (background) takenBackground -= 1;
    next();
  }
}

/**
 * @param {boolean} background
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function place(background, signal) {
  return new Promise((resolve, reject) => {
    /** @type {Waiting} */
    const mine = { background, begin: resolve };
    signal?.addEventListener("abort", () => {
      if (!waiting.includes(mine)) return;
      waiting = waiting.filter((other) => other !== mine);
      reject(signal.reason);
    });
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    waiting.push(mine);
    next();
  });
}

function next() {
  if (taken >= LANES) return;
  const first =
    waiting.find((one) => !one.background) ?? (takenBackground ? undefined : waiting[0]);
  if (!first) return;
  waiting = waiting.filter((one) => one !== first);
  taken += 1;
  if (first.background) takenBackground += 1;
  first.begin();
  next();
}
