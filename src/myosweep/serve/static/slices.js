/** The slice explorer over all slices of a study, from the server. */

import { startExplorer } from "../explorer/explorer.js";
import { loadImage, pictureSource } from "../explorer/source.js";
import { ask, studyAddress } from "./asking.js";

/** Gives `start()`, which shows the slices of the study as it stands, again and again. */
export function startSlices(name, note) {
  let root = document.querySelector("[data-explorer]");
  const untouched = root.cloneNode(true);
  let listening = new AbortController();

  async function start() {
    try {
      const { index, stamp, sentence } = await ask(studyAddress(name, "explorer"));
      listening.abort();
      listening = new AbortController();
      const fresh = untouched.cloneNode(true);
      root.replaceWith(fresh);
      root = fresh;
      note.hidden = index !== null;
      note.textContent = sentence;
      if (index === null) return;
      const load = (kind, number) =>
        loadImage(`${studyAddress(name, "slices", number, `${kind}.png`)}?stamp=${stamp}`);
      await startExplorer(root, pictureSource(index, load), listening.signal);
    } catch (problem) {
      note.hidden = false;
      note.textContent = problem.message;
    }
  }
  return { start };
}
