// One picture of ids laid over an image: colored by a palette where it fits one, with outlines on top.
import { Colors, outlines } from "./colors.js";
import { isRgb, recolor, values } from "./png.js";

/**
 * Show ids in `box`, in place of what it shows. The opacity is the style sheet's. If `box` was given something newer
 * meanwhile, nothing happens.
 * @param {HTMLElement} box @param {Uint8Array} png @param {Colors} colors @param {boolean} lines
 */
export async function paint(box, png, colors, lines) {
  const turn = String(Number(box.dataset.turn ?? 0) + 1);
  box.dataset.turn = turn;
  const read = lines || isRgb(png) ? await values(png) : null;
  /** @type {HTMLElement[]} */
  const made = [];
  if (isRgb(png) && read) made.push(canvas("fill", await colors.image(read)));
  else made.push(await picture(png, colors));
  if (lines && read) made.push(canvas("lines", await outlines(read, colors)));
  if (box.dataset.turn === turn) box.replaceChildren(...made);
}

/** @param {HTMLElement} box */
export function clear(box) {
  box.dataset.turn = String(Number(box.dataset.turn ?? 0) + 1);
  box.replaceChildren();
}

/** @param {Uint8Array} png @param {Colors} colors */
async function picture(png, colors) {
  const { palette, alpha } = colors.palette();
  const url = URL.createObjectURL(recolor(png, palette, alpha));
  const made = new Image();
  made.className = "fill";
  made.alt = "";
  made.src = url;
  await made.decode().catch(() => {});
  URL.revokeObjectURL(url);
  return made;
}

/** @param {string} kind @param {ImageData} pixels */
function canvas(kind, pixels) {
  const made = document.createElement("canvas");
  made.className = kind;
  made.width = pixels.width;
  made.height = pixels.height;
  made.getContext("2d")?.putImageData(pixels, 0, 0);
  return made;
}
