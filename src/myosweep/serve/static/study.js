/** A study's page: how far it is, its conclusion so far, its slices, curves and runs. */

import { openForPrint } from "../script/print.js";
import { addSwitch } from "../script/theme.js";
import { ask, keepAsking, leftInWords, shareInWords, stateInWords, studyAddress } from "./asking.js";
import { startConclusion } from "./conclusion.js";
import { place, say } from "./parts.js";
import { showRuns } from "./runs.js";
import { startSlices } from "./slices.js";

const EVERY_MS = 2000;
const CURVES_EVERY_MS = 6000;
const part = (id) => document.getElementById(id);
const name = part("title").dataset.study;

addSwitch(document);
openForPrint(document);
const slices = startSlices(name, part("no-explorer"));
const conclusion = startConclusion(name, part("asking"), part("answer"), part("preliminary"));
let known = null;
let drawn = { epochs: null, at: -Infinity };

keepAsking(studyAddress(name, "progress"), EVERY_MS, ({ study, runs }) => {
  showStanding(study);
  showRuns(part("run-rows"), name, runs);
  if (known === null) showAll(study);
  showCurves(study);
  if (study.stamp !== known.stamp) showNews(study);
}, showNothing);

/** Conclusion and slices of the study as it stands. */
function showAll(study) {
  known = study;
  slices.start();
  conclusion.start(study);
}

/** Of a study that cannot be read there is nothing to wait for; the page says why. */
function showNothing() {
  if (known !== null) return;
  part("asking").hidden = true;
  part("share").hidden = true;
  for (const id of ["answer", "curves-part"]) part(id).replaceChildren();
}

function showStanding(study) {
  const over = study.is_over || study.kind === "masks";
  part("kind").textContent = study.kind === "search" ? "Search" : "Study";
  part("question").textContent = study.question;
  part("state").textContent = stateInWords(study);
  part("left").textContent = leftInWords(study);
  part("share").value = study.share;
  part("share").setAttribute("aria-label", shareInWords(study));
  part("share").hidden = over;
  part("report-link").hidden = !study.has_report;
  part("tables").hidden = study.counts.done === 0;
}

async function showCurves(study) {
  const now = performance.now();
  if (study.epochs_done === drawn.epochs || now - drawn.at < CURVES_EVERY_MS) return;
  drawn = { epochs: study.epochs_done, at: now };
  try {
    place(part("curves-part"), await ask(studyAddress(name, "curves")));
  } catch (problem) {
    say(part("curves-part"), problem.message);
  }
}

/** What is shown stays as it is until the reader asks for the new: nobody likes a page that jumps. */
function showNews(study) {
  const news = part("news");
  const more = study.counts.done - known.counts.done;
  const words = more > 0 ? `${more} further ${more === 1 ? "network is" : "networks are"} finished. ` : "The study has changed. ";
  if (news.dataset.stamp === study.stamp) return;
  news.dataset.stamp = study.stamp;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Show them";
  button.addEventListener("click", () => {
    news.hidden = true;
    showAll(study);
  });
  news.replaceChildren(words, button);
  news.hidden = false;
}
