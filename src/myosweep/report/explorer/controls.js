/** The explorer's controls: what they offer, what they change, and the keys. */

import { ALL, VIEWS, listed, meanScore, networksOf, pointAt } from "./state.js";

const MOST_LISTED_VALUES = 24;

/** Fill the controls; gives `show(state)`, which makes them say what is chosen. */
export function buildControls(index, part, change) {
  let state = null;
  const on = (name, event, act) => part(name).addEventListener(event, act);
  const sliders = {
    at: buildSliders(index, part("sliders"), "", "at", (at) => change({ at })),
    other: buildSliders(index, part("other-sliders"), "Beside it: ", "other",
      (other) => change({ other })),
  };
  fill(part("patient"), [[ALL, "all"], ...unique(index, "patient").map((one) => [one, one])]);
  const levels = unique(index, "level").filter(Boolean);
  fill(part("level"), [[ALL, "all"], ...levels.map((one) => [one, one])]);
  part("level-control").hidden = levels.length === 0;
  for (const name of ["order", "patient", "level"]) {
    on(name, "change", () => change(reordered(index, { ...state, [name]: part(name).value }, name)));
  }
  on("slice", "change", () => change({ slice: Number(part("slice").value) }));
  on("network", "change", () => change({ network: networkFrom(part("network").value) }));
  on("opacity", "input", () => change({ opacity: Number(part("opacity").value) }));
  for (const name of ["compare", "close", "reference"]) {
    on(name, "change", () => change({ [name]: part(name).checked }));
  }
  const radios = [...part("pictures").closest("[data-explorer]")
    .querySelectorAll('input[name="explorer-view"]')];
  for (const radio of radios) radio.addEventListener("change", () => change({ view: radio.value }));
  for (const [name, step] of [["before", -1], ["after", 1]]) {
    on(`slice-${name}`, "click", () => change(stepSlice(index, state, step)));
    on(`network-${name}`, "click", () => change(stepNetwork(index, state, step)));
  }
  part("second-axis").hidden = index.axes.length < 2;
  part("second-name").textContent = index.axes[1]?.name ?? "";
  part("every").hidden = index.points.length > MOST_LISTED_VALUES;

  function show(now) {
    state = now;
    const numbers = listed(index, state);
    fill(part("slice"), numbers.map((number) => [
      number, sliceInWords(index, number, state.order)]));
    part("slice").value = state.slice;
    part("place").textContent = `${numbers.indexOf(state.slice) + 1} of ${numbers.length}`;
    for (const name of ["order", "patient", "level", "opacity"]) part(name).value = state[name];
    for (const name of ["compare", "close", "reference"]) part(name).checked = state[name];
    for (const radio of radios) radio.checked = radio.value === state.view;
    part("opacity-control").hidden = state.view === "contours";
    part("other-sliders").hidden = !state.compare;
    for (const name of ["at", "other"]) sliders[name](state[name]);
    showNetworks(index, part("network"), state);
    showValues(index, part("values"), state, change);
  }
  return { show };
}

/** The keys of the help line; lists and sliders keep the arrows that they have of their own. */
export function onKey(event, index, state, change) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const lists = event.target.matches("select");
  const arrowsTaken = lists || event.target.matches("input[type=range], input[type=radio]");
  if (lists && event.key.length === 1) return;
  if (arrowsTaken && event.key.startsWith("Arrow")) return;
  const act = {
    ArrowUp: () => stepSlice(index, state, -1),
    ArrowDown: () => stepSlice(index, state, 1),
    ArrowLeft: () => stepValue(index, state, -1, event.shiftKey),
    ArrowRight: () => stepValue(index, state, 1, event.shiftKey),
    "[": () => stepNetwork(index, state, -1),
    "]": () => stepNetwork(index, state, 1),
    c: () => ({ compare: !state.compare }),
    z: () => ({ close: !state.close }),
    m: () => ({ reference: !state.reference }),
  }[event.key] ?? (VIEWS[Number(event.key) - 1] && (() => ({ view: VIEWS[Number(event.key) - 1] })));
  if (!act) return;
  event.preventDefault();
  change(act());
}

function stepSlice(index, state, step) {
  const numbers = listed(index, state);
  const place = numbers.indexOf(state.slice) + step;
  return { slice: numbers[Math.min(Math.max(place, 0), numbers.length - 1)] };
}

function stepValue(index, state, step, second) {
  const axis = second && index.axes.length > 1 ? 1 : 0;
  const at = [...state.at];
  at[axis] = Math.min(Math.max(at[axis] + step, 0), index.axes[axis].values.length - 1);
  return { at };
}

/** All networks together come first, then one after the other, round and round. */
function stepNetwork(index, state, step) {
  const choices = [ALL, ...choicesOf(index, state)];
  const place = choices.indexOf(state.network) + step;
  return { network: choices[(place + choices.length) % choices.length] };
}

/** After another order or filter the first slice is shown. */
function reordered(index, state, name) {
  return { [name]: state[name], slice: listed(index, state)[0] ?? state.slice };
}

/** The networks that some value has on the slice, and the chosen one. */
function choicesOf(index, state) {
  const found = new Set(state.network === ALL ? [] : [state.network]);
  index.points.forEach((_, point) => {
    for (const network of networksOf(index, state.slice, point)) found.add(network);
  });
  return [...found].sort((a, b) => a - b);
}

function showNetworks(index, select, state) {
  const choices = choicesOf(index, state);
  fill(select, [[ALL, `all together (${choices.length})`],
    ...choices.map((network) => [network, index.networks[network]])]);
  select.value = state.network;
}

function networkFrom(text) {
  return text === ALL ? ALL : Number(text);
}

/** A slider per axis; gives a function that shows places. */
function buildSliders(index, frame, before, name, change) {
  const made = index.axes.map((axis, k) => {
    const control = element("div", { className: "control" });
    const id = `explorer-${name}-${k}`;
    const label = element("label", { htmlFor: id, textContent: `${before}${axis.name}` });
    const output = element("output", { htmlFor: id });
    const ticks = element("datalist", { id: `${id}-ticks` });
    ticks.append(...axis.values.map((_, place) => element("option", { value: place })));
    const slider = element("input", { type: "range", id, min: 0, step: 1 });
    slider.max = axis.values.length - 1;
    slider.disabled = axis.values.length < 2;
    slider.setAttribute("list", ticks.id);
    control.append(label, output, slider, ticks);
    frame.append(control);
    return { axis, slider, output };
  });
  for (const { slider } of made) {
    slider.addEventListener("input", () => change(made.map((one) => Number(one.slider.value))));
  }
  return (at) => made.forEach(({ axis, slider, output }, k) => {
    slider.value = at[k];
    slider.setAttribute("aria-valuetext", axis.values[at[k]]);
    output.textContent = axis.values[at[k]];
  });
}

/** Every value with its mean score on the slice; a click shows it. */
function showValues(index, list, state, change) {
  const order = [...index.points.keys()].sort((a, b) => inOrder(index.points[a], index.points[b]));
  list.replaceChildren(...order.map((number) => {
    const point = index.points[number];
    const score = meanScore(index, state.slice, number);
    const button = element("button", { type: "button" });
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = point.colour;
    const words = element("span", { textContent: point.label });
    const known = element("span", { textContent: score === null ? "–" : score.toFixed(3) });
    button.append(swatch, words, known);
    button.setAttribute("aria-pressed", number === pointAt(index, state.at));
    button.addEventListener("click", () => {
      change({ at: point.at });
      list.querySelector('[aria-pressed="true"]')?.focus();
    });
    const item = element("li", {});
    item.append(button);
    return item;
  }));
}

function inOrder(one, other) {
  const k = one.at.findIndex((place, axis) => place !== other.at[axis]);
  return k < 0 ? 0 : one.at[k] - other.at[k];
}

/** A slice in the list, with what the list is sorted by. */
function sliceInWords(index, number, order) {
  const { key, level, moved } = index.slices[number];
  const score = meanScore(index, number);
  const range = moved === null ? null : `differs by ${moved.toFixed(2)}`;
  const mean = score === null ? null : `${index.score} ${score.toFixed(2)}`;
  return [key, level, order === "matters" ? range : mean].filter(Boolean).join(" · ");
}

function unique(index, name) {
  return [...new Set(index.slices.map((slice) => slice[name]))];
}

function fill(select, choices) {
  const now = [...select.options].map((option) => `${option.value} ${option.textContent}`).join();
  if (now === choices.map((choice) => choice.join(" ")).join()) return;
  select.replaceChildren(
    ...choices.map(([value, words]) => element("option", { value, textContent: words })));
}

function element(tag, properties) {
  const made = document.createElement(tag);
  const { htmlFor, ...plain } = properties;
  if (htmlFor) made.setAttribute("for", htmlFor);
  return Object.assign(made, plain);
}
