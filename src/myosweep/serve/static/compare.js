/** Two studies side by side. */

import { addSwitch } from "../script/theme.js";
import { ask } from "./asking.js";
import { place, say } from "./parts.js";

addSwitch(document);
const form = document.getElementById("asking");
const root = document.getElementById("compared");
let asked = 0;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  compare();
});
const { studies } = await ask("/api/studies");
const names = studies.filter(({ counts }) => counts.done).map(({ name }) => name);
const wanted = new URLSearchParams(location.search);
for (const [k, select] of [form.one, form.other].entries()) {
  select.append(...names.map((name) => new Option(name, name)));
  const asked = wanted.get(select.name);
  select.value = names.includes(asked) ? asked : names[Math.min(k, names.length - 1)] ?? "";
}
if (names.length < 2) say(root, "There is only one study with a finished network here; start the server over the folder that has several.");
else if (wanted.has("one")) compare();

async function compare() {
  const mine = ++asked;
  const words = new URLSearchParams({ one: form.one.value, other: form.other.value });
  history.replaceState(null, "", `?${words}`);
  say(root, "Computing …");
  root.setAttribute("aria-busy", "true");
  try {
    const part = await ask(`/api/comparison?${words}`);
    if (mine === asked) place(root, part);
  } catch (problem) {
    if (mine === asked) say(root, problem.message, "pointer");
  }
}
