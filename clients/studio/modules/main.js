// @ts-check
/** Puts the page together. */
import { by, pause } from "./dom.js";
import { Gallery } from "./gallery.js";
import { Generate } from "./generate.js";
import { begin, offer } from "./i18n.js";
import { offerKey } from "./key.js";
import { loadNames } from "./names.js";
import { Now } from "./now.js";
import { Stylize } from "./stylize.js";
import { AREAS, offerTabs, showTab } from "./tabs.js";
import { tellError } from "./tell.js";
import { offerTheme } from "./theme.js";
import { address, asked, watch } from "./view.js";
import { Walk } from "./walk.js";

/** @typedef {{ show(params: URLSearchParams): void, hide(): void, params(): URLSearchParams }} Area */

offerTheme();
offerKey();
for (;;) {
  try {
    await begin();
    await offer(by("language"));
    break;
  } catch {
    // There are no words yet to say that the server has gone.
    await pause(1000);
  }
}
try {
  await loadNames();
  start();
} catch (error) {
  tellError(error);
}

function start() {
  const generate = new Generate();
  /** @type {Record<string, Area>} */
  const areas = {
    generate,
    stylize: new Stylize(() => generate.file()),
    walk: new Walk(() => generate.scene),
    gallery: new Gallery((area, params) => go(area, params)),
    now: new Now(),
  };
  let current = "";

  /**
   * @param {string} area
   * @param {URLSearchParams} params
   * @param {boolean} [written] whether the address says so already
   */
  function go(area, params, written = false) {
    if (current) areas[current].hide();
    current = area;
    showTab(area);
    scrollTo(0, 0);
    areas[area].show(params);
    if (!written) history.pushState(null, "", address());
  }

  function follow() {
    const [area, params] = asked();
    go(AREAS.includes(area) ? area : AREAS[0], params, true);
  }

  watch(() => [current, areas[current].params()]);
  offerTabs((area) => area !== current && go(area, new URLSearchParams()));
  addEventListener("popstate", follow);
  follow();
  document.documentElement.dataset.ready = "";
}
