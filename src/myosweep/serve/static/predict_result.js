/** What a prediction has made: slice by slice, with contours or masks, and in three planes. */

import { coloured, paint } from "../explorer/draw.js";
import { closeUp, count, outline, whole } from "../explorer/maps.js";
import { loadImage, pictureSource } from "../explorer/source.js";
import { element } from "./asking.js";
import { withNames } from "./predict_files.js";
import { startVolume } from "./predict_volume.js";

const VIEWS = ["contours", "masks"];
const LINE = 2;
const PANELS = ["", "other-"];
const HIGHEST = "75vh";
const NO_RESULT = { cases: [], slices: [] };

/** Gives `show(now, address, names)` and `hide()`; `remove` deletes what is shown. */
export function startResult(part, remove) {
  let [result, names, sources] = [NO_RESULT, [], []];
  let state = { slice: 0, view: "contours", close: false, opacity: 60 };
  let [drawing, timer] = [0, 0];
  const volume = startVolume(part);
  const radios = [...part("result").querySelectorAll('input[name="predict-view"]')];

  part("case").addEventListener("change", () => change({ slice: firstOf(Number(part("case").value)) }));
  part("slice").addEventListener("change", () => change({ slice: Number(part("slice").value) }));
  part("before").addEventListener("click", () => change(stepped(-1)));
  part("after").addEventListener("click", () => change(stepped(1)));
  part("opacity").addEventListener("input", () => change({ opacity: Number(part("opacity").value) }));
  part("close").addEventListener("change", () => change({ close: part("close").checked }));
  for (const radio of radios) radio.addEventListener("change", () => change({ view: radio.value }));
  part("delete").addEventListener("click", remove);
  part("pictures").addEventListener("keydown", onKey);
  new ResizeObserver(() => draw()).observe(part("pictures"));

  async function show(now, address, ofFiles) {
    [result, names] = [now.result, ofFiles];
    sources = result.cases.map(({ width, height }) => pictureSource(
      { width, height, step: result.step },
      (kind, number) => loadImage(`${address}/slices/${number}/${kind}.png`)));
    part("result").hidden = false;
    showAround(part, result, names, address);
    showEnd(now.seconds_left);
    volume.offer(result, address);
    await change({ slice: 0 });
    part("result").scrollIntoView({ block: "nearest" });
  }

  function hide() {
    clearTimeout(timer);
    result = NO_RESULT;
    sources = [];
    part("result").hidden = true;
    delete part("result").dataset.shown;
    volume.end();
  }

  function showEnd(seconds) {
    clearTimeout(timer);
    const end = new Date(Date.now() + 1000 * seconds);
    const time = end.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    part("until").textContent = `It is deleted at ${time}; save what you need. Your images are deleted already, but for what is shown here.`;
    timer = setTimeout(remove, 1000 * seconds);
  }

  function change(changes) {
    state = { ...state, ...changes };
    return draw();
  }

  async function draw() {
    if (!result.slices.length) return;
    const mine = ++drawing;
    const { case: at } = result.slices[state.slice];
    showControls();
    const [image, masks] = await Promise.all([
      sources[at].image(state.slice), sources[at].masks(state.slice)]);
    if (mine !== drawing || !result.slices.length) return;
    const panels = showPanels(part, result, state, image, [masks.reference, ...masks.cells]);
    part("which").textContent = whichInWords(result, state.slice, names);
    part("said").textContent = `${part("which").textContent}. ${panels.join(". ")}.`;
    part("result").dataset.shown = `slice=${state.slice}&view=${state.view}&opacity=${state.opacity}`;
    volume.follow(at);
  }

  function showControls() {
    const { case: at, number } = result.slices[state.slice];
    const first = firstOf(at);
    const { slices } = result.cases[at];
    part("case").value = at;
    const options = [...Array(slices).keys()].map((k) => new Option(sliceInWords(result, first + k), first + k));
    part("slice").replaceChildren(...options);
    part("slice").value = state.slice;
    part("place").textContent = `${number + 1} of ${slices}`;
    part("opacity-control").hidden = state.view === "contours";
    part("close").checked = state.close;
    for (const radio of radios) radio.checked = radio.value === state.view;
  }

  function firstOf(at) {
    return result.slices.findIndex((slice) => slice.case === at);
  }

  function stepped(step) {
    return { slice: Math.min(Math.max(state.slice + step, 0), result.slices.length - 1) };
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const changes = {
      ArrowUp: () => stepped(-1),
      ArrowDown: () => stepped(1),
      1: () => ({ view: VIEWS[0] }),
      2: () => ({ view: VIEWS[1] }),
      z: () => ({ close: !state.close }),
    }[event.key];
    if (!changes) return;
    event.preventDefault();
    change(changes());
  }

  return { show, hide };
}

/** All that does not change from slice to slice. */
function showAround(part, result, names, address) {
  const { regions, models, cases } = result;
  const told = [...result.warnings, ...result.problems, ...models.flatMap((model) => model.sentences)];
  part("warnings").replaceChildren(...told.map((text) =>
    element("li", { textContent: sentence(withNames(text, names)) })));
  part("case").replaceChildren(...cases.map((one, k) => new Option(caseInWords(one, names), k)));
  part("case-control").hidden = cases.length < 2;
  part("legend").replaceChildren(...regions.slice(1).map(({ name, colour }) => {
    const key = element("span", { className: "key box" });
    key.style.background = colour;
    return element("li", {}, key, name);
  }));
  part("downloads").replaceChildren(...result.downloads.map(({ name, words }) =>
    element("li", {}, element("a", {
      href: `${address}/${name}`,
      download: `myosweep-${name}`,
      textContent: name,
    }), `: ${words}`)));
}

/** Draw a slice for each model; gives what each picture says. */
function showPanels(part, result, state, image, maps) {
  const { case: at, scores } = result.slices[state.slice];
  const { width, height, spacing_yx_mm: spacing } = result.cases[at];
  const box = state.close ? closeUp(maps[0], width, height) : whole(width, height);
  part("pictures").classList.toggle("two", maps.length > 1);
  part("other-picture").hidden = maps.length < 2;
  return maps.slice(0, PANELS.length).map((map, k) => {
    const { words, colour } = result.models[k];
    const facts = [areasInWords(result.regions, map, spacing), scoreInWords(scores[k])].filter(Boolean).join(" · ");
    const canvas = part(`${PANELS[k]}canvas`);
    canvas.style.maxWidth = `calc(${HIGHEST} * ${box.width / box.height})`;
    paint(canvas, { image, box, opacity: state.opacity / 100, ...marks(result.regions, state.view, map, width, height) });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${words}: ${facts}`);
    part(`${PANELS[k]}swatch`).style.background = colour;
    part(`${PANELS[k]}value`).textContent = words;
    part(`${PANELS[k]}facts`).textContent = facts;
    return `${words}: ${facts}`;
  });
}

/** Colours or outlines of all regions but the first, which is what lies around. */
function marks(regions, view, map, width, height) {
  const shown = regions.map(({ colour }, code) => [code, colour]).slice(1);
  if (view === "masks") return { colours: coloured(map, Object.fromEntries(shown)), outlines: [] };
  const outlines = shown.map(([code, colour]) => ({
    lines: outline(map, code, width, height), colour, width: LINE, dashed: false,
  }));
  return { colours: null, outlines };
}

function areasInWords(regions, map, spacing) {
  return regions.map(({ name }, code) => {
    const pixels = count(map, code);
    if (code === 0) return "";
    if (!spacing) return `${name} ${pixels} px`;
    return `${name} ${(pixels * spacing[0] * spacing[1] / 100).toFixed(1)} cm²`;
  }).filter(Boolean).join(", ");
}

function scoreInWords(score) {
  if (!score) return "";
  const agreement = score.agreement === null ? "" : `agreement ${score.agreement.toFixed(2)}`;
  return [agreement, score.words].filter(Boolean).join(", ");
}

function sliceInWords(result, number) {
  const slice = result.slices[number];
  return `slice ${slice.number + 1}${slice.scores.some((score) => score?.look) ? " · look at this one" : ""}`;
}

function caseInWords({ kind, upload, slices }, names) {
  const name = names[upload - 1] ?? `image ${upload}`;
  return kind === "DICOM" && slices > 1 ? `series that begins with ${name}` : name;
}

function whichInWords(result, number, names) {
  const slice = result.slices[number];
  const one = result.cases[slice.case];
  const which = caseInWords(one, names);
  return one.slices > 1 ? `${which}, slice ${slice.number + 1} of ${one.slices}` : which;
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : ".");
}
