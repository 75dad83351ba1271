// @ts-check
/** Light or dark: as the system wants it, until somebody chooses. */
import { by } from "./dom.js";

const KEPT = "impasto.theme";

/** Let people choose. */
export function offerTheme() {
  const root = document.documentElement;
  const kept = localStorage.getItem(KEPT);
  if (kept) root.dataset.theme = kept;
  by("theme").addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const now = root.dataset.theme ?? system;
    root.dataset.theme = now === "dark" ? "light" : "dark";
    localStorage.setItem(KEPT, root.dataset.theme);
  });
}
