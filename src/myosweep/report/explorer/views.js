/** What each view shows of one value on one slice: colours, outlines, legend, words. */

import { AGREED, ELSEWHERE, MISSED, TOO_MUCH, count, difference, majority, marks, outline }
  from "./maps.js";

const REFERENCE_WIDTH = 2, ANSWER_WIDTH = 2, NETWORK_WIDTH = 0.75;

/**
 * One picture. `maps` are the label maps of the chosen networks, `reference` the manual one,
 * `colour` the value's. Gives { colours, outlines, legend, words }: a map of codes with its
 * palette, lines, entries [kind, colour, words], and what to say below the picture.
 */
export function view(name, index, reference, maps, colour, withReference) {
  const shown = maps.length ? VIEW[name](index, reference, maps, colour) : nothing();
  if (withReference) {
    const manual = outlineOf(index, reference, referenceColour(index), REFERENCE_WIDTH);
    shown.outlines.unshift(manual);
    shown.legend.unshift(["line", manual.colour, `manual outline, ${regionName(index)}`]);
  }
  return shown;
}

function regionName(index) {
  return index.regions[index.region].name;
}

function referenceColour(index) {
  return index.regions[index.region].colour;
}

function outlineOf(index, map, colour, width) {
  const lines = outline(map, index.region, index.width, index.height);
  return { lines, colour, width, dashed: false };
}

function nothing() {
  return { codes: null, palette: {}, outlines: [], legend: [], words: "" };
}

const VIEW = { contours, masks, difference: differences, disagreement };

function contours(index, reference, maps, colour) {
  const several = maps.length > 1;
  const answer = outlineOf(index, majority(maps, codesOf(index)), colour, ANSWER_WIDTH);
  const each = several ? maps.map((map) => outlineOf(index, map, colour, NETWORK_WIDTH)) : [];
  const legend = [["line", colour, several ? "majority of the networks" : "network"]];
  if (several) legend.push(["thin", colour, "each network"]);
  return { ...nothing(), outlines: [...each, answer], legend };
}

function masks(index, reference, maps) {
  const codes = majority(maps, codesOf(index));
  const palette = {};
  const legend = [];
  index.regions.forEach(({ name, colour }, code) => {
    if (code === 0) return;
    palette[code] = colour;
    legend.push(["box", colour, name]);
  });
  return { ...nothing(), codes, palette, legend };
}

function differences(index, reference, maps) {
  const { agreed, tooMuch, missed, elsewhere } = index.colours;
  const answer = majority(maps, codesOf(index));
  const codes = difference(reference, answer, index.region, index.regions.length);
  const whose = maps.length > 1 ? "majority: " : "";
  const [more, less] = [TOO_MUCH, MISSED].map((code) => count(codes, code));
  const palette = { [AGREED]: agreed + "66", [TOO_MUCH]: tooMuch, [MISSED]: missed, [ELSEWHERE]: elsewhere };
  const legend = [
    ["box", agreed, `${regionName(index)}: both`],
    ["box", tooMuch, "network only (+)"],
    ["box", missed, "manual only (−)"],
    ["box", elsewhere, "error between other regions"],
  ];
  return { ...nothing(), codes, palette, legend, words: `${whose}${more + less} px differ (+${more} −${less})` };
}

function disagreement(index, reference, maps) {
  if (maps.length < 2) return { ...nothing(), words: "one network alone cannot disagree" };
  const marked = marks(maps, index.region);
  const most = Math.floor(maps.length / 2);
  const codes = marked.map((number) => {
    const fewer = Math.min(number, maps.length - number);
    return fewer ? fewer : number ? most + 1 : 0;
  });
  const palette = { [most + 1]: index.colours.agreed + "66" };
  const legend = [["box", index.colours.agreed, "all networks mark it"]];
  for (let fewer = 1; fewer <= most; fewer++) {
    palette[fewer] = index.colours.split + shade(fewer / most);
    if (fewer === 1 || fewer === most) {
      legend.push(["box", palette[fewer], `${fewer} of ${maps.length} disagree${fewer === 1 ? "s" : ""}`]);
    }
  }
  const total = codes.reduce((sum, code) => sum + (code > 0 && code <= most ? 1 : 0), 0);
  return { ...nothing(), codes, palette, legend, words: `networks disagree on ${total} px` };
}

/** Opacity as two digits: the more even the split, the stronger. */
function shade(share) {
  return Math.round(255 * (0.35 + 0.65 * share)).toString(16).padStart(2, "0");
}

function codesOf(index) {
  return index.regions.length + 1;
}
