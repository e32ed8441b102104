/** Asking the server: answers as JSON, problems in words, and asking again while a page is seen. */

const LOST = "The server does not answer any more. Was it stopped? This page shows what it knew last.";

/** The server's answer; an error whose message is the server's sentence if it refuses. */
export async function ask(address, options = {}) {
  const answer = await fetch(address, options);
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const problem = new Error(content.detail ?? `The server says ${answer.status}.`);
    problem.status = answer.status;
    throw problem;
  }
  return content;
}

/** The address of something of a study. */
export function studyAddress(study, ...rest) {
  return ["/api/studies", encodeURIComponent(study), ...rest].join("/");
}

/**
 * Ask again and again while the page is seen, and give each answer to `act`. The page says so while
 * the server is silent, or refuses, which `refused` is told.
 */
export function keepAsking(address, everyMs, act, refused = () => {}) {
  const lost = document.getElementById("lost");
  async function once() {
    if (!document.hidden) {
      try {
        const content = await ask(address);
        lost.hidden = true;
        await act(content);
      } catch (problem) {
        lost.textContent = problem.status ? problem.message : LOST;
        lost.hidden = false;
        if (problem.status) refused();
      }
    }
    setTimeout(once, everyMs);
  }
  return once();
}

/** A time in seconds as people say it. */
export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How a study stands, in words. */
export function stateInWords({ counts, is_over, kind }) {
  const parts = [`${counts.done} of ${counts.all} ${kind === "masks" ? "sets of masks" : "networks"} done`];
  for (const name of ["running", "failed", "stopped"]) {
    if (counts[name]) parts.push(`${counts[name]} ${name}`);
  }
  if (kind === "search") parts[0] = `${counts.done} networks done`;
  return (is_over ? "Finished: " : counts.running ? "Running: " : "Not running: ") + parts.join(", ");
}

/** The time that is left, as a sentence; empty while nothing runs. */
export function leftInWords({ counts, kind, seconds_left }) {
  if (!counts.running) return "";
  if (seconds_left === null) return "The time left is not known yet.";
  return `${kind === "search" ? "At most" : "About"} ${duration(seconds_left)} left.`;
}

/** What a study's bar shows. */
export function shareInWords({ kind }) {
  return kind === "search" ? "share of the budget that is spent" : "share of all epochs that is done";
}

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
