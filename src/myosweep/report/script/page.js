/** What a page does when it is opened; without any of it the page is whole. */

import { startExplorer } from "../explorer/explorer.js";
import { linkRows } from "../explorer/links.js";
import { embeddedSource } from "../explorer/source.js";
import { openForPrint } from "./print.js";
import { makeSortable } from "./tables.js";
import { addSwitch } from "./theme.js";
import { showTips } from "./tips.js";

addSwitch(document);
openForPrint(document);
for (const table of document.querySelectorAll("main table")) makeSortable(table);
showTips(document);
const explorer = document.querySelector("[data-explorer]");
if (explorer) {
  const source = embeddedSource(document);
  linkRows(document, source.index);
  startExplorer(explorer, source);
}
