// @ts-check
/** The areas as tabs, after the ARIA pattern: arrow keys move between them. */
import { by } from "./dom.js";

export const AREAS = ["generate", "stylize", "walk", "gallery", "now"];

/**
 * Let tabs be chosen.
 * @param {(area: string) => void} choose
 */
export function offerTabs(choose) {
  AREAS.forEach((area, index) => {
    const tab = by(`tab-${area}`);
    tab.addEventListener("click", () => choose(area));
    tab.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const last = AREAS.length - 1;
      const to = /** @type {Record<string, number>} */ ({
        ArrowRight: index === last ? 0 : index + 1,
        ArrowLeft: index === 0 ? last : index - 1,
        Home: 0,
        End: last,
      })[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(AREAS[to]);
      by(`tab-${AREAS[to]}`).focus();
    });
  });
}

/**
 * Show one area.
 * @param {string} area
 */
export function showTab(area) {
  for (const one of AREAS) {
    const tab = by(`tab-${one}`);
    tab.setAttribute("aria-selected", String(one === area));
    tab.tabIndex = one === area ? 0 : -1;
    by(`area-${one}`).hidden = one !== area;
  }
}
