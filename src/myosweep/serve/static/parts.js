/** Parts of pages that the server has made: put in their place and brought to life. */

import { makeSortable } from "../script/tables.js";
import { enlivenFigures } from "../script/tips.js";
import { element } from "./asking.js";

/** Put a part into `root`. Its HTML is the server's own; what studies say in it is escaped there. */
export function place(root, part) {
  root.innerHTML = part.html;
  for (const one of root.querySelectorAll("[data-look]")) one.style.cssText = one.dataset.look;
  for (const table of root.querySelectorAll("table")) makeSortable(table);
  enlivenFigures(root, part.tips);
  for (const figure of root.querySelectorAll("figure[data-drawing]")) addSave(figure, part.part);
  root.removeAttribute("aria-busy");
}

/** Say instead of a part why there is none. */
export function say(root, sentence, className = "note") {
  root.replaceChildren(element("p", { className, textContent: sentence }));
  root.removeAttribute("aria-busy");
}

function addSave(figure, part) {
  const name = figure.dataset.drawing;
  const links = ["svg", "png"].map((form) => element("a", {
    href: `/api/figures/${part}/${encodeURIComponent(name)}.${form}`,
    download: `${name}.${form}`,
    textContent: form.toUpperCase(),
  }));
  figure.append(element("p", { className: "save" }, "Save as ", links[0], " or ", links[1]));
}
