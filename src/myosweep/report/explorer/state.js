/** What is chosen in the explorer, which slices that leaves and in what order, and its address. */

export const VIEWS = ["contours", "masks", "difference", "disagreement"];
export const ORDERS = ["matters", "worst", "best", "patient"];
export const ALL = "all";
const PREFIX = "#explorer?";

/**
 * The state at the start. `at` and `other` are places on each axis, `network` a number or ALL,
 * `slice` the number of a slice in the index.
 */
export function firstState(index) {
  const places = index.points.map((point) => point.at);
  const state = {
    slice: 0,
    at: places[0],
    other: places[places.length - 1],
    network: ALL,
    view: "contours",
    order: "matters",
    patient: ALL,
    level: ALL,
    compare: false,
    close: false,
    reference: true,
    opacity: 60,
  };
  return { ...state, slice: listed(index, state)[0] };
}

/** Mean of the scores of a slice, over all networks or those of one point; null if none. */
export function meanScore(index, number, point = null) {
  const slice = index.slices[number];
  const scores = slice.scores.filter(
    (score, k) => score !== null && (point === null || pointOf(index, slice.cells[k]) === point));
  return scores.length ? scores.reduce((sum, one) => sum + one, 0) / scores.length : null;
}

export function pointOf(index, cell) {
  return Math.floor(cell / index.networks.length);
}

export function networkOf(index, cell) {
  return cell % index.networks.length;
}

/** The number of the point at a place of each axis; -1 if no network has these values. */
export function pointAt(index, at) {
  return index.points.findIndex((point) => point.at.every((place, k) => place === at[k]));
}

/** The networks that a point has on a slice. */
export function networksOf(index, number, point) {
  const cells = index.slices[number].cells.filter((cell) => pointOf(index, cell) === point);
  return cells.map((cell) => networkOf(index, cell));
}

/** The numbers of the slices that the filters leave, in the chosen order; unknown scores last. */
export function listed(index, state) {
  const numbers = index.slices.map((_, number) => number).filter((number) => {
    const { patient, level } = index.slices[number];
    return [ALL, patient].includes(state.patient) && [ALL, level].includes(state.level);
  });
  if (state.order === "patient") return numbers;
  const key = {
    matters: (number) => index.slices[number].moved === null ? null : -index.slices[number].moved,
    worst: (number) => meanScore(index, number),
    best: (number) => negative(meanScore(index, number)),
  }[state.order];
  const known = new Map(numbers.map((number) => [number, key(number) ?? Infinity]));
  return numbers.sort((a, b) => known.get(a) - known.get(b) || a - b);
}

function negative(score) {
  return score === null ? null : -score;
}

/** The state as the page's address has it. */
export function toHash(index, state) {
  const words = new URLSearchParams({
    slice: index.slices[state.slice].key,
    at: state.at.join("."),
    network: state.network,
    view: state.view,
    order: state.order,
  });
  for (const name of ["patient", "level"]) if (state[name] !== ALL) words.set(name, state[name]);
  for (const name of ["compare", "close"]) if (state[name]) words.set(name, 1);
  if (state.compare) words.set("other", state.other.join("."));
  if (!state.reference) words.set("reference", 0);
  if (state.opacity !== 60) words.set("opacity", state.opacity);
  return PREFIX + words;
}

/**
 * The state that an address asks for, as far as it can be had; null if it asks for none. An address
 * without a view asks for a slice or a patient alone, and leaves the rest as it is `now`.
 */
export function fromHash(index, hash, now = firstState(index)) {
  if (!hash.startsWith(PREFIX)) return null;
  const words = new URLSearchParams(hash.slice(PREFIX.length));
  const state = words.has("view") ? firstState(index) : { ...now, patient: ALL, level: ALL };
  const take = (name, value, allowed) => {
    if (allowed) state[name] = value;
  };
  for (const name of ["at", "other"]) {
    const at = (words.get(name) ?? "none").split(".").map(Number);
    take(name, at, at.length === index.axes.length &&
      at.every((place, k) => Number.isInteger(place) && place in index.axes[k].values));
  }
  const network = Number(words.get("network") ?? NaN);
  take("network", network, network in index.networks);
  take("view", words.get("view"), VIEWS.includes(words.get("view")));
  take("order", words.get("order"), ORDERS.includes(words.get("order")));
  for (const name of ["patient", "level"]) {
    take(name, words.get(name), index.slices.some((slice) => slice[name] === words.get(name)));
  }
  for (const name of ["compare", "close", "reference"]) {
    take(name, words.get(name) === "1", words.has(name));
  }
  const opacity = Number(words.get("opacity") ?? NaN);
  take("opacity", opacity, opacity >= 10 && opacity <= 100);
  const slice = index.slices.findIndex((one) => one.key === words.get("slice"));
  if (!listed(index, state).length) Object.assign(state, { patient: ALL, level: ALL });
  const numbers = listed(index, state);
  state.slice = numbers.includes(slice) ? slice : numbers[0];
  return state;
}
