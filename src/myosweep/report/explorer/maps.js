/** Arithmetic on label maps: arrays of codes, row by row. Nothing here knows the page. */

export const AGREED = 1;
export const TOO_MUCH = 2;
export const MISSED = 3;
export const ELSEWHERE = 4;

const MARGIN = 1.5;

/** For each pixel the code that most maps have; of equals the lowest. */
export function majority(maps, codes) {
  if (maps.length === 1) return maps[0];
  const found = new Uint8Array(maps[0].length);
  const votes = new Uint16Array(codes);
  for (let k = 0; k < found.length; k++) {
    votes.fill(0);
    for (const map of maps) votes[map[k]]++;
    let best = 0;
    for (let code = 1; code < codes; code++) if (votes[code] > votes[best]) best = code;
    found[k] = best;
  }
  return found;
}

/**
 * How a prediction differs from its reference in one region: 0 neither has it, AGREED, TOO_MUCH
 * (prediction alone), MISSED (reference alone), ELSEWHERE (an error between other regions). Where
 * the reference has no region (code `none`) nothing differs.
 */
export function difference(reference, prediction, region, none) {
  return reference.map((truth, k) => {
    const said = prediction[k];
    if (truth === region) return said === region ? AGREED : MISSED;
    if (truth === none || truth === said) return 0;
    return said === region ? TOO_MUCH : ELSEWHERE;
  });
}

/** For each pixel how many maps have the region. */
export function marks(maps, region) {
  const found = new Uint16Array(maps[0].length);
  for (const map of maps) for (let k = 0; k < found.length; k++) if (map[k] === region) found[k]++;
  return found;
}

/** How often a code stands in a map. */
export function count(map, code) {
  let found = 0;
  for (const one of map) if (one === code) found++;
  return found;
}

/**
 * The outline of a region: lines [x0, y0, x1, y1] along the edges of its pixels, as long as they
 * can be. The image's border belongs to it.
 */
export function outline(map, region, width, height) {
  const inside = (x, y) =>
    x >= 0 && y >= 0 && x < width && y < height && map[y * width + x] === region;
  const lines = [];
  const follow = (length, across, differs, line) => {
    for (let a = 0; a <= across; a++) {
      let start = -1;
      for (let b = 0; b <= length; b++) {
        const edge = b < length && differs(a, b);
        if (edge && start < 0) start = b;
        if (!edge && start >= 0) {
          lines.push(line(a, start, b));
          start = -1;
        }
      }
    }
  };
  follow(width, height, (y, x) => inside(x, y) !== inside(x, y - 1), (y, x0, x1) => [x0, y, x1, y]);
  follow(height, width, (x, y) => inside(x, y) !== inside(x - 1, y), (x, y0, y1) => [x, y0, x, y1]);
  return lines;
}

/** A square around every pixel of a map that is no background (code 0), with a margin. */
export function closeUp(map, width, height) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let k = 0; k < map.length; k++) {
    if (map[k] === 0) continue;
    const x = k % width;
    const y = (k - x) / width;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  if (right < 0) return whole(width, height);
  const extent = Math.max(right - left + 1, bottom - top + 1);
  const side = Math.min(Math.ceil(MARGIN * extent), width, height);
  const from = (low, high, size) =>
    Math.max(0, Math.min(size - side, Math.round((low + high + 1 - side) / 2)));
  return { x: from(left, right, width), y: from(top, bottom, height), width: side, height: side };
}

export function whole(width, height) {
  return { x: 0, y: 0, width, height };
}
