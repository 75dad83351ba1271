// @ts-check
/** A photograph from the camera. */
import { by, make } from "./dom.js";
import { say } from "./i18n.js";

/**
 * Let people take one.
 * @param {(photo: Blob) => void} take
 */
export function offerCamera(take) {
  const dialog = by("camera-dialog");
  const video = by("camera");
  by("camera-open").addEventListener("click", async () => {
    by("camera-problem").hidden = true;
    by("camera-take").disabled = true;
    dialog.showModal();
    try {
      // Absent where the page came over plain HTTP from another machine.
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
      by("camera-take").disabled = false;
    } catch {
      say(by("camera-problem"), "camera.denied");
      by("camera-problem").hidden = false;
    }
    if (!dialog.open) stop(video);
  });
  by("camera-take").addEventListener("click", () => {
    const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((/** @type {Blob | null} */ blob) => blob && take(blob), "image/jpeg", 0.95);
    dialog.close();
  });
  by("camera-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => stop(video));
}

/** @param {any} video */
function stop(video) {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}
