// @ts-check
/** The API key: asked for where the server wants one, kept in this tab alone. */
import { by } from "./dom.js";
import { say } from "./i18n.js";

const KEPT = "impasto.key";
/** @type {Promise<boolean> | null} */
let asking = null;

/** The key; empty: there is none. */
export function currentKey() {
  return sessionStorage.getItem(KEPT) ?? "";
}

/**
 * Ask for a key, because the server did not take what it got; all who need one wait together.
 * @returns {Promise<boolean>} whether there is another one
 */
export function askForKey() {
  if (currentKey()) say(by("key-problem"), "key.wrong");
  by("key-problem").hidden = !currentKey();
  return opened();
}

/** Let people change the key by its button. */
export function offerKey() {
  by("key").addEventListener("click", async () => {
    by("key-problem").hidden = true;
    if (await opened()) location.reload();
  });
}

/** @returns {Promise<boolean>} */
function opened() {
  asking ??= answered().finally(() => (asking = null));
  return asking;
}

/** @returns {Promise<boolean>} */
function answered() {
  const dialog = by("key-dialog");
  const field = by("key-field");
  const before = currentKey();
  field.value = "";
  by("key-forget").hidden = !before;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const key = field.value.trim();
        field.value = "";
        if (dialog.returnValue === "forget") sessionStorage.removeItem(KEPT);
        if (dialog.returnValue === "use" && key) sessionStorage.setItem(KEPT, key);
        resolve(
          ["use", "forget"].includes(dialog.returnValue) && (currentKey() !== before || !!key),
        );
      },
      { once: true },
    );
  });
}
