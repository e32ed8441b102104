/** A volume with its mask in three planes, by NiiVue, which is loaded when somebody wants it. */

import { channels } from "../explorer/draw.js";

const OPACITY = 0.5;
const NO_WEBGL = "This browser cannot draw volumes (it has no WebGL 2, or it is switched off). The slices above show the same.";

/** Gives `offer(result, address)`, `follow(number of a case)` and `end()`. */
export function startVolume(part) {
  const frame = part("volume");
  let [result, address, wanted, shown, viewer] = [null, "", 0, null, null];
  frame.addEventListener("toggle", show);

  function offer(found, place) {
    end();
    [result, address] = [found, place];
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
    for (const volume of [...(viewer?.volumes ?? [])]) viewer.removeVolume(volume);
  }

  async function show() {
    if (!frame.open || frame.hidden || shown === wanted) return;
    shown = wanted;
    const mine = `${address}/cases/${shown}`;
    say("Loading …");
    try {
      viewer ??= await makeViewer(part("volume-canvas"));
      if (!viewer) throw new Error(NO_WEBGL);
      await load(viewer, mine, result.regions);
      frame.dataset.shown = wanted;
      say("");
    } catch (problem) {
      shown = null;
      say(problem.message);
    }
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

async function load(viewer, address, regions) {
  await viewer.loadVolumes([
    { url: `${address}/image.nii.gz`, name: "image.nii.gz" },
    { url: `${address}/masks/0.nii.gz`, name: "mask.nii.gz", opacity: OPACITY },
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
