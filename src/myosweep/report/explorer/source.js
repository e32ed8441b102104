/**
 * Where the explorer's content comes from. A source is an object with
 *
 *   index          what `Explorer.index` (record.py) makes
 *   image(number)  promises the grey image of a slice, ready to be drawn
 *   masks(number)  promises { reference, cells }: label maps of a slice as arrays of codes, row by
 *                  row; cells in the order of the index's `cells`
 *
 * Here it is the page itself that holds everything, as PNG in base64. A server gives the same by
 * address: its source differs in `load` alone.
 */

const REMEMBERED = 12;

export function embeddedSource(page) {
  const read = (id) => JSON.parse(page.getElementById(id).textContent);
  const pixels = read("explorer-pixels");
  const load = (kind, number) => loadImage(`data:image/png;base64,${pixels[number][kind]}`);
  return pictureSource(read("explorer-index"), load);
}

/** A source from its index and a way to load a slice's picture, "image" or "masks". */
export function pictureSource(index, load) {
  const image = remembered((number) => load("image", number));
  const masks = remembered(async (number) =>
    split(codes(await load("masks", number), index.step), index.width * index.height));
  return { index, image, masks };
}

/** Promises an image that can be drawn at once. */
export function loadImage(address) {
  const image = new Image();
  image.src = address;
  return image.decode().then(() => image);
}

/** The code of each pixel: its grey level, divided by the step between levels. */
function codes(image, step) {
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const rgba = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const found = new Uint8Array(rgba.length / 4);
  for (let k = 0; k < found.length; k++) found[k] = Math.round(rgba[4 * k] / step);
  return found;
}

/** A sprite's label maps: the reference comes first. */
function split(sprite, size) {
  const maps = [];
  for (let start = 0; start < sprite.length; start += size) {
    maps.push(sprite.subarray(start, start + size));
  }
  return { reference: maps[0], cells: maps.slice(1) };
}

/** A function of one number that remembers its last answers, but no failure. */
function remembered(compute) {
  const known = new Map();
  return (number) => {
    const answer = known.get(number) ?? compute(number);
    known.delete(number);
    known.set(number, answer);
    answer.catch(() => known.delete(number));
    if (known.size > REMEMBERED) known.delete(known.keys().next().value);
    return answer;
  };
}
