/** The table of runs. */

import { duration, element, studyAddress } from "./asking.js";

const SIGNS = { complete: "✓", diverged: "✕", stopped: "■", failed: "✕", running: "▶", waiting: "·" };

export function showRuns(body, study, runs) {
  const rows = runs.map((run) => {
    const key = JSON.stringify(run);
    const place = runs.indexOf(run);
    const now = body.rows[place];
    return now?.dataset.key === key ? now : row(run, key, study);
  });
  if (rows.some((one, place) => body.rows[place] !== one) || rows.length !== body.rows.length) {
    body.replaceChildren(...rows);
  }
}

function row(run, key, study) {
  const { label, state, epochs_done, epochs, seconds, error } = run;
  const made = element("tr", { className: state });
  made.dataset.key = key;
  const sign = element("span", { className: "sign", textContent: SIGNS[state] });
  sign.setAttribute("aria-hidden", "true");
  const head = element("th", { textContent: label });
  head.scope = "row";
  const network = element("td");
  if (run.run) network.append(saveLink(study, run));
  made.append(
    head,
    element("td", {}, sign, ` ${state}${error ? `: ${error}` : ""}`),
    element("td", { textContent: epochs ? `${Math.floor(epochs_done)} of ${epochs}` : "–" }),
    element("td", { textContent: seconds ? duration(seconds) : "–" }),
    network,
  );
  return made;
}

function saveLink(study, run) {
  const link = element("a", {
    href: studyAddress(study, "models", `${encodeURIComponent(run.run)}.zip`),
    textContent: "Save",
    download: "",
  });
  link.setAttribute("aria-label", `Save the network: ${run.label}`);
  return link;
}
