/** Files that the reader has chosen: which are taken, and what they are called when they are sent. */

const ENDINGS = [".png", ".tif", ".tiff", ".bmp", ".nii", ".nii.gz", ".mat", ".seg", ".dcm", ".dicom", ".ima"];
const MARK_AT = 128;
const MARK = "DICM";

/** The ending by which a file is known; none if by its content alone. */
function ending(name) {
  return ENDINGS.find((one) => name.toLowerCase().endsWith(one)) ?? "";
}

/** What a file is called when it is sent: names of files may tell whose they are. */
export function sendName(name, number) {
  return `upload-${number + 1}${ending(name)}`;
}

/** Whether a file is of no kind that is taken. */
export async function refused(file) {
  if (file.name.startsWith(".") || file.name.toUpperCase() === "DICOMDIR") return true;
  if (ending(file.name)) return false;
  const start = await file.slice(MARK_AT, MARK_AT + MARK.length).text().catch(() => "");
  return start !== MARK;
}

/** All files that were dropped, those in folders as well. */
export async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const found = await Promise.all(entries.map(inside));
  return found.flat();
}

async function inside(entry) {
  if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a reader gives some at a time, and none at its end
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return (await Promise.all(found.map(inside))).flat();
    found.push(...some);
  }
}

export function sizeInWords(bytes) {
  return bytes < 2 ** 20 ? `${Math.ceil(bytes / 2 ** 10)} kB` : `${Math.ceil(bytes / 2 ** 20)} MB`;
}

/** Texts of the server call files by their numbers; here they get the names that they have here. */
export function withNames(text, names) {
  return text.replace(/'?upload-0*(\d+)[\w.]*'?/g, (all, number) => `“${names[number - 1] ?? all}”`);
}
