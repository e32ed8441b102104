/** The conclusion so far: of the study's own question, or of another one. */

import { ask, element, studyAddress } from "./asking.js";
import { place, say } from "./parts.js";

export function startConclusion(name, form, root, preliminary) {
  let asked = 0;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  form.addEventListener("reset", () => setTimeout(show));

  /** Begin anew, for the study as it stands. */
  function start(study) {
    form.hidden = study.kind === "search" || study.regions.length === 0;
    const chosen = form.region.value;
    form.region.replaceChildren(new Option("the study’s", ""));
    for (const region of [...study.regions, "all"]) {
      form.region.append(new Option(region === "all" ? "all regions" : region, region));
    }
    form.region.value = [...study.regions, "all"].includes(chosen) ? chosen : "";
    return show();
  }

  async function show() {
    const words = new URLSearchParams();
    for (const field of ["region", "metric", "margin"]) {
      if (form[field].value) words.set(field, form[field].value);
    }
    await answered(ask(`${studyAddress(name, "conclusion")}?${words}`));
  }

  /** Show an answer, unless something else has been asked since. */
  async function answered(answer) {
    const mine = ++asked;
    root.setAttribute("aria-busy", "true");
    try {
      const found = await answer;
      if (mine !== asked) return;
      preliminary.hidden = !found.is_preliminary;
      preliminary.textContent = "Preliminary: the study is not finished. What it says may change with further networks.";
      if (found.state === "shown") place(root, found.part);
      else say(root, found.sentence);
      if (found.state === "a look") root.append(lookButton());
    } catch (problem) {
      if (mine === asked) say(root, problem.message, "pointer");
    }
  }

  function lookButton() {
    const button = element("button", { type: "button", textContent: "Look at the answer" });
    button.addEventListener("click", () => {
      button.disabled = true;
      answered(ask(studyAddress(name, "looks"), { method: "POST" }));
    });
    return element("p", {}, button);
  }

  return { start };
}
