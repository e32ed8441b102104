/** The explorer: shows what is chosen. Its frame is `explorer.html.j2`, its controls controls.js. */

import { buildControls, onKey } from "./controls.js";
import { coloured, paint } from "./draw.js";
import { closeUp, whole } from "./maps.js";
import { ALL, firstState, fromHash, listed, networkOf, pointAt, pointOf, toHash }
  from "./state.js";
import { view } from "./views.js";

const SAID_AFTER_MS = 250;
const NO_VALUE = "#888888";

const NOT_LOADED = "The slice could not be loaded. If the study has gone on, show the new networks; else load the page again.";

/**
 * Bring the explorer in `root` to life; `source` as in source.js. Promises the first picture. A
 * `signal` ends its listening to the page's address.
 */
export function startExplorer(root, source, signal = undefined) {
  const index = source.index;
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const asked = fromHash(index, location.hash);
  let state = asked ?? firstState(index);
  let drawing = 0;
  let saying = 0;

  async function show() {
    const mine = ++drawing;
    controls.show(state);
    const content = await Promise.all([source.image(state.slice), source.masks(state.slice)])
      .catch(() => null);
    if (mine !== drawing) return;
    if (content === null) {
      part("which").textContent = NOT_LOADED;
      return;
    }
    const panels = showPanels(part, index, state, ...content);
    clearTimeout(saying);
    saying = setTimeout(() => {
      part("said").textContent = said(index, state, panels);
    }, SAID_AFTER_MS);
    root.dataset.shown = toHash(index, state);
    const numbers = listed(index, state);
    const next = numbers[numbers.indexOf(state.slice) + 1];
    if (next !== undefined) source.masks(next).catch(() => {});
  }

  function change(changes) {
    state = { ...state, ...changes };
    const numbers = listed(index, state);
    if (!numbers.includes(state.slice)) state.slice = numbers[0];
    keepInAddress(toHash(index, state));
    return show();
  }

  async function follow() {
    const wanted = fromHash(index, location.hash, state);
    if (!wanted) return;
    state = wanted;
    await show();
    root.scrollIntoView();
  }

  const controls = buildControls(index, part, change);
  root.hidden = false;
  part("selection").textContent = index.selection;
  root.addEventListener("keydown", (event) => onKey(event, index, state, change));
  window.addEventListener("hashchange", follow, { signal });
  new ResizeObserver(show).observe(part("pictures"));
  return asked ? follow() : show();
}

/** A page from disk may not be allowed to; then the address stays as it is. */
function keepInAddress(hash) {
  try {
    history.replaceState(null, "", hash);
  } catch {
    /* nothing else depends on it */
  }
}

function showPanels(part, index, state, image, masks) {
  const { width, height } = index;
  const box = state.close ? closeUp(masks.reference, width, height) : whole(width, height);
  const places = state.compare ? [state.at, state.other] : [state.at];
  const { patient, key, level } = index.slices[state.slice];
  part("which").textContent = [`Patient ${patient}`, `slice ${key}`, level].filter(Boolean).join(", ");
  const panels = places.map((at) => panelOf(index, state, at, masks));
  part("other-picture").hidden = !state.compare;
  part("pictures").classList.toggle("two", state.compare);
  panels.forEach((panel, k) => {
    const name = k ? "other-" : "";
    const { codes, palette, outlines } = panel.shown;
    const colours = codes ? coloured(codes, palette) : null;
    const canvas = part(`${name}canvas`);
    paint(canvas, { image, box, colours, opacity: state.opacity / 100, outlines });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${panel.value}: ${panel.facts}`);
    part(`${name}swatch`).style.background = panel.colour;
    part(`${name}value`).textContent = panel.value;
    part(`${name}facts`).textContent = panel.facts;
  });
  showLegend(part("legend"), panels);
  return panels;
}

/** One value on the slice: what it is called, what is known of it, what to draw. */
function panelOf(index, state, at, masks) {
  const point = pointAt(index, at);
  const slice = index.slices[state.slice];
  const places = [...slice.cells.keys()].filter((k) => {
    const cell = slice.cells[k];
    return pointOf(index, cell) === point && [ALL, networkOf(index, cell)].includes(state.network);
  });
  const maps = places.map((k) => masks.cells[k]);
  const colour = point < 0 ? NO_VALUE : index.points[point].colour;
  const shown = view(state.view, index, masks.reference, maps, colour, state.reference);
  const scores = places.map((k) => slice.scores[k]).filter((score) => score !== null);
  const facts = [networksInWords(index, state, maps.length), scoreInWords(index, scores, maps.length),
    shown.words];
  return {
    value: index.axes.map((axis, k) => `${axis.name} ${axis.values[at[k]]}`).join(", "),
    colour,
    facts: facts.filter(Boolean).join(" · "),
    shown,
  };
}

function networksInWords(index, state, count) {
  if (!count) return "no network of this value was tested on this slice yet";
  if (state.network !== ALL) return index.networks[state.network];
  return count === 1 ? "one network" : `${count} networks`;
}

function scoreInWords(index, scores, networks) {
  if (!networks) return "";
  if (!scores.length) return `no ${index.score}: the manual mask has no ${index.regions[index.region].name} here`;
  const mean = scores.reduce((sum, one) => sum + one, 0) / scores.length;
  if (scores.length === 1) return `${index.score} ${mean.toFixed(3)}`;
  const [low, high] = [Math.min(...scores), Math.max(...scores)].map((one) => one.toFixed(3));
  return `mean ${index.score} ${mean.toFixed(3)} (${low} to ${high})`;
}

function showLegend(list, panels) {
  const entries = new Map();
  for (const { shown } of panels) {
    for (const entry of shown.legend) entries.set(entry.join(), entry);
  }
  list.replaceChildren(...[...entries.values()].map(([kind, colour, words]) => {
    const item = document.createElement("li");
    const key = document.createElement("span");
    key.className = `key ${kind}`;
    key.style.background = colour;
    item.append(key, words);
    return item;
  }));
}

/** What the pictures show, for those who cannot see them. */
function said(index, state, panels) {
  const slice = index.slices[state.slice];
  const numbers = listed(index, state);
  const place = `${numbers.indexOf(state.slice) + 1} of ${numbers.length}`;
  const values = panels.map((panel) => `${panel.value}: ${panel.facts}`);
  return `Patient ${slice.patient}, slice ${slice.key}, ${place}. ${values.join(". ")}.`;
}
