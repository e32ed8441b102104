/** The list of studies. */

import { addSwitch } from "../script/theme.js";
import { element, keepAsking, leftInWords, shareInWords, stateInWords } from "./asking.js";

const EVERY_MS = 3000;

addSwitch(document);
keepAsking("/api/studies", EVERY_MS, ({ studies, damaged }) => {
  const list = document.getElementById("studies");
  const known = new Map([...list.children].map((item) => [item.dataset.study, item]));
  list.replaceChildren(...studies.map((study) => filled(known.get(study.name) ?? made(study), study)));
  const note = document.getElementById("damaged");
  note.hidden = damaged.length === 0;
  note.textContent = `Cannot be read: ${damaged.join(", ")}. Run myosweep status on the folder to see why.`;
});

function made({ name }) {
  const item = element("li");
  item.dataset.study = name;
  item.innerHTML = `<h2><a></a></h2><p class="asked"></p><p class="standing"></p><progress max="1"></progress>`;
  item.querySelector("a").href = `/studies/${encodeURIComponent(name)}`;
  return item;
}

/** The item as the study stands now; it stays the same element, so that focus is not lost. */
function filled(item, study) {
  const put = (selector, text) => {
    const part = item.querySelector(selector);
    if (part.textContent !== text) part.textContent = text;
  };
  put("a", study.name);
  put(".asked", study.question);
  put(".standing", [stateInWords(study), leftInWords(study)].filter(Boolean).join(". "));
  const bar = item.querySelector("progress");
  bar.value = study.share;
  bar.setAttribute("aria-label", `${study.name}: ${shareInWords(study)}`);
  bar.hidden = study.kind === "masks";
  return item;
}
