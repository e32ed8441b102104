/** Prediction on the reader's own images: what to send, how it goes on, and what came of it. */

import { ask, element, studyAddress } from "./asking.js";
import { filesOf, refused, sendName, sizeInWords, withNames } from "./predict_files.js";
import { startResult } from "./predict_result.js";

const EVERY_MS = 250;

/** Bring the part of a page in `root` to life; its frame is predict.html.j2. */
export async function startPrediction(root) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const form = part("form");
  let [files, left, models] = [[], 0, []];
  let [current, asked] = [null, 0];
  const result = startResult(part, remove);

  form.files.addEventListener("change", () => take([...form.files.files]));
  form.study.addEventListener("change", showModels);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    predict();
  });
  part("stop").addEventListener("click", remove);
  takeDropped(part("drop"), take);
  const { studies } = await ask("/api/studies");
  const known = new Map(studies.map((study) => [study.name, study]));
  form.study.append(...[...known.keys()].map((name) => new Option(name, name)));
  const wanted = root.dataset.study || new URLSearchParams(location.search).get("study");
  const first = known.get(wanted) ?? studies.find((study) => study.has_weights);
  if (first) form.study.value = first.name;
  await showModels();

  async function showModels() {
    const mine = ++asked;
    const study = known.get(form.study.value);
    try {
      const found = await ask(studyAddress(form.study.value, "models"));
      if (mine !== asked) return;
      models = found.models;
      part("most").textContent = `At most ${sizeInWords(found.most_bytes)} and ${found.most_files} files.`;
      part("drop").dataset.mostBytes = found.most_bytes;
      fillModels(form.model, models, []);
      fillModels(form.other, models, [["", "nothing"]]);
      complain(models.length ? "" : whyNone(study));
    } catch (problem) {
      if (mine !== asked) return;
      complain(problem.message);
    }
    showChosen();
  }

  async function take(chosen) {
    const kept = [];
    for (const file of chosen) if (!(await refused(file))) kept.push(file);
    [files, left] = [kept, chosen.length - kept.length];
    showChosen();
  }

  function showChosen() {
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    const most = Number(part("drop").dataset.mostBytes);
    const words = [];
    if (files.length === 1) words.push(`${files[0].name}, ${sizeInWords(bytes)}.`);
    if (files.length > 1) words.push(`${files.length} files, ${sizeInWords(bytes)}.`);
    if (left) words.push(`${left} ${left === 1 ? "file is" : "files are"} left out: of no kind that is taken.`);
    if (bytes > most) words.push(`That is too large: at most ${sizeInWords(most)} are taken.`);
    part("chosen").textContent = words.join(" ");
    form.querySelector('[type="submit"]').disabled = !files.length || !models.length || bytes > most;
  }

  async function predict() {
    await remove();
    const mine = { names: files.map((file) => file.name), id: null };
    current = mine;
    complain("");
    say(`Sending ${sizeInWords(files.reduce((sum, file) => sum + file.size, 0))} …`);
    busy(true);
    try {
      const sent = await ask(studyAddress(form.study.value, "predictions"), {
        method: "POST",
        body: content(form, files),
      });
      mine.id = sent.id;
      if (current === mine) await follow(mine, sent);
      else await forget(mine);
    } catch (problem) {
      if (current === mine) complain(problem.message);
    }
    if (current === mine) busy(false);
  }

  async function follow(mine, sent) {
    let now = sent;
    while (now.state === "waiting" || now.state === "running") {
      say(now.state === "running" ? "The networks look at it …" : waitInWords(now.before));
      await new Promise((done) => setTimeout(done, EVERY_MS));
      if (current !== mine) return;
      now = await ask(address(mine.id));
      if (current !== mine) return;
    }
    say("");
    if (now.state === "failed") complain(withNames(now.sentence, mine.names));
    else await result.show(now, address(mine.id), mine.names);
  }

  /** Stop what is under way and delete what there is. */
  async function remove() {
    const before = current;
    current = null;
    result.hide();
    busy(false);
    if (!before) return;
    say("");
    if (await forget(before)) say("Deleted: the images, the masks, and all else of this prediction.");
  }

  function busy(is) {
    part("stop").hidden = !is;
  }

  function say(words) {
    part("state").textContent = words;
  }

  function complain(words) {
    part("problem").textContent = words;
    part("problem").hidden = !words;
    if (words) say("");
  }
}

function address(id) {
  return `/api/predictions/${id}`;
}

/** What was deleted already, or never came to be, is no problem. */
async function forget({ id }) {
  if (!id) return false;
  const answer = await fetch(address(id), { method: "DELETE" }).catch(() => null);
  return Boolean(answer?.ok);
}

function content(form, files) {
  const sent = new FormData();
  files.forEach((file, k) => sent.append("files", file, sendName(file.name, k)));
  for (const key of new Set([form.model.value, form.other.value])) if (key) sent.append("model", key);
  for (const name of ["heart", "turn"]) sent.append(name, form[name].value);
  sent.append("mirror", form.mirror.checked);
  return sent;
}

function whyNone({ kind, counts }) {
  if (kind === "masks") return "This study has masks of another program, and no network.";
  if (!counts.done) return "This study has no finished network yet.";
  return "The weights of this study’s networks are not here, so they cannot be asked.";
}

function waitInWords(before) {
  if (!before) return "Waiting for a place …";
  return `Waiting: ${before} ${before === 1 ? "prediction has" : "predictions have"} come before this …`;
}

function fillModels(select, models, first) {
  const chosen = select.value;
  const group = (label, kind) => {
    const some = models.filter((model) => model.kind === kind);
    const made = element("optgroup", { label });
    made.append(...some.map((model) => new Option(modelInWords(model), model.key)));
    return some.length ? [made] : [];
  };
  select.replaceChildren(
    ...first.map(([value, words]) => new Option(words, value)),
    ...group("All networks of a value together", "value"),
    ...group("A single network", "run"),
  );
  if (models.some(({ key }) => key === chosen)) select.value = chosen;
}

function modelInWords({ words, networks, kind }) {
  return kind === "run" ? words : `${words} (${networks} ${networks === 1 ? "network" : "networks"})`;
}

function takeDropped(place, take) {
  const over = (is) => place.classList.toggle("over", is);
  for (const name of ["dragenter", "dragover"]) {
    place.addEventListener(name, (event) => {
      event.preventDefault();
      over(true);
    });
  }
  place.addEventListener("dragleave", (event) => over(place.contains(event.relatedTarget)));
  place.addEventListener("drop", async (event) => {
    event.preventDefault();
    over(false);
    take(await filesOf(event.dataTransfer));
  });
}
