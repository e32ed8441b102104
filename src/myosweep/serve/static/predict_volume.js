/** A volume with its mask in three planes, by NiiVue, which is loaded when somebody wants it. */

import { channels } from "../explorer/draw.js";

const OPACITY = 0.5;
const NO_WEBGL = "This browser cannot draw volumes (it has no WebGL 2, or it is switched off). The slices above show the same.";

/** Gives `offer(result, address)`, `follow(number of a case)` and `end()`. */
export function startVolume(part) {
  const [frame, model] = [part("volume"), part("volume-model")];
  let [result, address, wanted, shown, viewer, busy] = [null, "", 0, null, null, false];
  frame.addEventListener("toggle", show);
  model.addEventListener("change", show);

  function offer(found, place) {
    end();
    [result, address] = [found, place];
    model.replaceChildren(...result.models.map(({ words }, k) => new Option(words, k)));
  }

  function follow(number) {
    wanted = number;
    frame.hidden = !result?.cases[number].is_volume;
    if (!frame.hidden) show();
  }

  function end() {
    [result, shown] = [null, null];
    frame.open = false;
    frame.hidden = true;
    delete frame.dataset.shown;
    delete frame.dataset.model;
    for (const volume of [...(viewer?.volumes ?? [])]) viewer.removeVolume(volume);
  }

  /** One after the other: what is wanted meanwhile is shown next. */
  async function show() {
    if (busy) return;
    busy = true;
    try {
      while (frame.open && !frame.hidden && shown !== key()) await showWanted();
      say("");
    } catch (problem) {
      shown = null;
      say(problem.message);
    }
    busy = false;
  }

  async function showWanted() {
    const [number, mask] = [wanted, model.value];
    shown = key();
    say("Loading …");
    viewer ??= await makeViewer(part("volume-canvas"));
    if (!viewer) throw new Error(NO_WEBGL);
    await load(viewer, `${address}/cases/${number}`, mask, result.regions);
    [frame.dataset.shown, frame.dataset.model] = [number, mask];
  }

  function key() {
    return `${address}/${wanted}/${model.value}`;
  }

  function say(words) {
    part("volume-state").textContent = words;
  }

  return { offer, follow, end };
}

/** NiiVue on a canvas; none where there is no WebGL 2. */
async function makeViewer(canvas) {
  if (!document.createElement("canvas").getContext("webgl2")) return null;
  const { Niivue, SHOW_RENDER } = await import("./vendor/niivue/index.js");
  const viewer = new Niivue({
    logLevel: "silent",
    loadingText: "",
    dragAndDropEnabled: false,
    isRadiologicalConvention: true,
    multiplanarShowRender: SHOW_RENDER.NEVER,
    isNearestInterpolation: true,
    showLegend: false,
  });
  await viewer.attachToCanvas(canvas);
  return viewer;
}

async function load(viewer, address, mask, regions) {
  await viewer.loadVolumes([
    { url: `${address}/image.nii.gz`, name: "image.nii.gz" },
    { url: `${address}/masks/${mask}.nii.gz`, name: "mask.nii.gz", opacity: OPACITY },
  ]);
  viewer.volumes[1].setColormapLabel(colours(regions));
  viewer.updateGLVolume();
}

/** The regions' colours by their codes; the first region is clear. */
function colours(regions) {
  const rgb = regions.map(({ colour }) => channels(colour));
  const [R, G, B] = [0, 1, 2].map((k) => rgb.map((one) => one[k]));
  return {
    R, G, B,
    A: regions.map((_, k) => (k ? 255 : 0)),
    I: regions.map(({ code }) => code),
    labels: regions.map(({ name }) => name),
  };
}
