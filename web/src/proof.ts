// What a page does when it is told to prove something first: it gets the task,
// works it out in a worker, tells how far it is in words and as a bar, and sends
// the answer along with what was asked for. There is no puzzle to solve by hand.

import { type Challenge, Problem, getChallenge } from "./api";
import { by, el, say, text } from "./dom";
import type { Solution, Task } from "./solver";

/** How often one act is answered with another challenge before the page gives up. */
const maxProofs = 3;
/** How long a widget's script may take to load. */
const widgetPatience = 8_000;

/** What says that the fan would rather wait in the slow lane. */
const skip = "skip";

/** proving does an act, and if it needs a proof, does it again with one. */
export async function proving<T>(act: (answer?: string) => Promise<T>): Promise<T> {
  let answer: string | undefined;
  for (let i = 0; ; i++) {
    try {
      return await act(answer);
    } catch (e) {
      if (!(e instanceof Problem) || e.code !== "challenge-required" || !e.challenge || i === maxProofs) throw e;
      answer = await prove(e.challenge, e.skip);
    }
  }
}

let running: Promise<string> | undefined;

/** prove is the answer to the challenge that is had at path. Two at a time wait for each other. */
export function prove(path: string, skippable: boolean): Promise<string> {
  const mine = (running ?? Promise.resolve("")).catch(() => "").then(() => shown(path, skippable));
  return running = mine;
}

async function shown(path: string, skippable: boolean): Promise<string> {
  const button = by("proof-skip");
  let skipped = () => {};
  const skipping = new Promise<string>((r) => { skipped = () => r(skip); });
  button.addEventListener("click", skipped);
  button.hidden = !skippable;
  by("proof").hidden = false;
  bar(0);
  text(by("proof-text"), "Showing that you are not a robot…");
  let over = false;
  try {
    const challenge = await getChallenge(path);
    const strong = challenge.level === "strong";
    text(by("proof-text"), `Showing that you are not a robot. Your browser does this by itself, in ${strong ? "up to half a minute" : "a few seconds"}.`);
    const answer = await Promise.race([skipping, work(challenge, strong, () => over)]);
    if (answer !== skip) say("Done: you are not a robot.");
    return answer;
  } finally {
    over = true;
    button.removeEventListener("click", skipped);
    by("proof").hidden = true;
    by("widget").replaceChildren();
  }
}

function bar(of: number): void { by<HTMLProgressElement>("proof-bar").value = of; }

async function work(challenge: Challenge, strong: boolean, over: () => boolean): Promise<string> {
  if (strong && challenge.widget) {
    const token = await widget(challenge.widget).catch(() => "");
    if (token) return token;
  }
  const { parameters, signature } = challenge;
  const began = performance.now();
  const solution = await solved(parameters, (tries) => bar(tries / parameters.data.tries), over);
  if (!solution) throw new Problem(0, "unsolved", "Your browser could not work out the proof. Try again.");
  return btoa(JSON.stringify({ challenge: { parameters, signature }, solution: { ...solution, time: Math.round(performance.now() - began) } }));
}

/** In a worker, so that the page stays quick; in the page where there are none. */
function solved(task: Task, progress: (tries: number) => void, over: () => boolean): Promise<Solution | undefined> {
  const url = document.body.dataset.solver!;
  return new Promise<Solution | undefined>((resolve, reject) => {
    const worker = new Worker(url, { type: "module" });
    const end = setInterval(() => over() && done(resolve), 500);
    const done = (how: (s?: Solution) => void, s?: Solution) => {
      clearInterval(end);
      worker.terminate();
      how(s);
    };
    worker.onmessage = ({ data }: MessageEvent<number | Solution | undefined>) => typeof data === "number" ? progress(data) : done(resolve, data);
    worker.onerror = () => done(reject);
    worker.postMessage(task);
  }).catch(async () => {
    const { solve } = await import(url) as typeof import("./solver");
    return solve(task, progress, over);
  });
}

/** The token of a provider's widget, which the page loads only now. */
async function widget(w: NonNullable<Challenge["widget"]>): Promise<string> {
  const api = () => (window as any)[w.provider];
  const within = AbortSignal.timeout(widgetPatience);
  await new Promise<void>((resolve, reject) => {
    within.onabort = () => reject();
    if (api()) return resolve();
    const script = el("script", { src: `${w.script}?render=explicit`, async: true });
    script.onload = () => resolve();
    script.onerror = () => reject();
    document.head.append(script);
  });
  return new Promise<string>((resolve, reject) => api().render(by("widget"), {
    sitekey: w.site_key, cData: w.cdata, callback: (token: string) => resolve(`${w.provider}:${token}`),
    "error-callback": reject, "expired-callback": reject,
  }));
}
