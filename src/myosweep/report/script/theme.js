/** A switch between the system's colours, light and dark. */

const KEY = "myosweep-colours";
const CHOICES = [["", "as the system"], ["light", "light"], ["dark", "dark"]];

export function addSwitch(page) {
  const frame = page.createElement("p");
  const label = page.createElement("label");
  const select = page.createElement("select");
  for (const [value, words] of CHOICES) select.add(new Option(words, value));
  frame.className = "switch";
  select.id = "colours";
  label.htmlFor = select.id;
  label.textContent = "Colours";
  frame.append(label, " ", select);
  page.querySelector("header").prepend(frame);
  const set = (value) => {
    select.value = value;
    if (value) page.documentElement.dataset.theme = value;
    else delete page.documentElement.dataset.theme;
  };
  set(remembered());
  select.addEventListener("change", () => {
    set(select.value);
    remember(select.value);
  });
}

/** A page from disk may have no storage; then the choice lasts as long as the page is open. */
function remembered() {
  try {
    const known = localStorage.getItem(KEY);
    return CHOICES.some(([value]) => value === known) ? known : "";
  } catch {
    return "";
  }
}

function remember(value) {
  try {
    localStorage.setItem(KEY, value);
  } catch {
    /* nothing else depends on it */
  }
}
