/** Drawing on a canvas: the image, coloured pixels over it, outlines on top. */

/**
 * Draw a picture as wide as its canvas is on the page.
 *
 * box: the part of the image that is shown. colours: RGBA of each of the image's pixels, or null.
 * outlines: { lines, colour, width, dashed }, lines as `outline` gives them.
 */
export function paint(canvas, { image, box, colours, opacity, outlines }) {
  const wide = Math.max(1, Math.round(canvas.clientWidth * Math.max(window.devicePixelRatio, 1)));
  const scale = wide / box.width;
  canvas.width = wide;
  canvas.height = Math.round(box.height * scale);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  const put = (picture) => context.drawImage(
    picture, box.x, box.y, box.width, box.height, 0, 0, canvas.width, canvas.height);
  put(image);
  if (colours) {
    context.globalAlpha = opacity;
    put(picture(colours, image.naturalWidth ?? image.width));
    context.globalAlpha = 1;
  }
  for (const one of outlines) trace(context, one, box, scale, wide / canvas.clientWidth);
}

/** RGBA of each pixel, from its code and the colour of each code; codes without one are clear. */
export function coloured(map, palette) {
  const rgba = new Uint8ClampedArray(4 * map.length);
  const known = Object.entries(palette).map(([code, colour]) => [Number(code), channels(colour)]);
  const byCode = new Map(known);
  for (let k = 0; k < map.length; k++) {
    const colour = byCode.get(map[k]);
    if (colour) rgba.set(colour, 4 * k);
  }
  return rgba;
}

/** A colour as #rrggbb or #rrggbbaa, in four channels. */
export function channels(colour) {
  const number = (start) => parseInt(colour.slice(start, start + 2), 16);
  return [number(1), number(3), number(5), colour.length > 7 ? number(7) : 255];
}

function picture(rgba, width) {
  const canvas = new OffscreenCanvas(width, rgba.length / 4 / width);
  canvas.getContext("2d").putImageData(new ImageData(rgba, width), 0, 0);
  return canvas;
}

/** Dark below, so that an outline is seen on bright pixels as well. */
function trace(context, { lines, colour, width, dashed }, box, scale, ratio) {
  context.beginPath();
  for (const [x0, y0, x1, y1] of lines) {
    context.moveTo((x0 - box.x) * scale, (y0 - box.y) * scale);
    context.lineTo((x1 - box.x) * scale, (y1 - box.y) * scale);
  }
  context.lineCap = "square";
  context.setLineDash(dashed ? [4 * ratio, 4 * ratio] : []);
  for (const [style, extra] of [["rgba(0, 0, 0, 0.55)", 1.5], [colour, 0]]) {
    context.strokeStyle = style;
    context.lineWidth = (width + extra) * ratio;
    context.stroke();
  }
}
