// Small parts that several views show, and how times and sizes read.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";

const UNITS = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
export const FINAL = new Set(["succeeded", "failed", "canceled"]);
export const WAITS_FOR = { children: "its children", answer: "an answer", sleep: "a moment" }; // by wait_reason
export const STATUSES = ["queued", "running", "succeeded", "failed", "canceled"];

/** `ms` as people say it: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min. */
export function duration(ms) {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  const at = UNITS.findIndex(([, size]) => seconds >= size);
  const [[unit, size], next] = [UNITS[at], UNITS[at + 1]];
  const rest = next ? Math.floor((seconds % size) / next[1]) : 0;
  return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${next[0]}` : ""}`;
}

/** In whole minutes, hours or days: a list of young jobs must not change with each second. */
export function age(ms) {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return "just now";
  const [unit, size] = UNITS.find(([, one]) => seconds >= one);
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

export function bytes(count) {
  const at = Math.min(3, Math.max(0, Math.floor(Math.log10(Math.max(count, 1)) / 3)));
  const value = count / 1_000 ** at;
  return `${at && value < 100 ? value.toFixed(1) : Math.round(value)} ${["bytes", "kB", "MB", "GB"][at]}`;
}

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
export const ms = (time) => Date.parse(time);

export function Time({ at, clock }) {
  return html`<time dateTime=${at} title=${at}>${(clock ? CLOCK : WHEN).format(ms(at))}</time>`;
}

/** The present, again every second while the tab is seen. */
export function useNow() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

const SIGNS = {
  queued: html`<circle cx="8" cy="8" r="6" fill="none" /><path d="M8 4.8V8l2.2 1.5" fill="none" />`,
  running: html`<path class="turning" d="M8 2a6 6 0 1 1-6 6" fill="none" />`,
  succeeded: html`<path d="M2.5 8.5l3.7 3.7 7.3-8" fill="none" />`,
  failed: html`<path d="M3.5 3.5l9 9m0-9l-9 9" fill="none" />`,
  canceled: html`<circle cx="8" cy="8" r="6" fill="none" /><path d="M4 12l8-8" fill="none" />`,
};

export function Badge({ job }) {
  const canceling = job.cancel_requested && !FINAL.has(job.status);
  return html`<span class="badge ${job.status}">
    <svg viewBox="0 0 16 16" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true">
      ${SIGNS[job.status]}
    </svg>${canceling ? "canceling" : job.status}
  </span>`;
}

export function Progress({ job }) {
  const percent = job.progress?.percent;
  if (percent === undefined || FINAL.has(job.status)) return null;
  return html`<progress max="100" value=${percent} aria-label="Progress">${percent} %</progress>`;
}

/** Text with the parts in `backticks` as code, and paragraphs where lines are left out. */
export function Text({ text = "" }) {
  const paragraphs = text.split(/\n\s*\n/).filter((one) => one.trim());
  const words = (one) => one.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));
  return html`<div class="text">${paragraphs.map((one) => html`<p>${words(one)}</p>`)}</div>`;
}

/** An error, in the service's own words if it has any. */
export function Failure({ error, again, action = "Try again" }) {
  if (!error) return null;
  const { title, detail, errors = [], request_id: id } = error.problem ?? {};
  return html`<div class="note bad tight" role="alert">
    <p><strong>${title ?? "The service cannot be reached"}</strong></p>
    <p>${detail ?? error.message}${id && html` <code>${id}</code>`}</p>
    ${errors.length > 0 && html`<ul>${errors.map((one) => html`<li><code>${one.pointer}</code> ${one.detail}</li>`)}</ul>`}
    ${again && html`<button type="button" onClick=${again}>${action}</button>`}
  </div>`;
}

export function Loading({ what = "" }) {
  return html`<p class="quiet" role="status">Loading ${what}…</p>`;
}

export function Copy({ text, label = "Copy" }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 2_000);
  };
  if (!navigator.clipboard) return null; // browsers have it on https and on this machine
  return html`<button class="plain" onClick=${copy}>${label}<span role="status">${done ? ": done" : ""}</span></button>`;
}

const SHOWN_AT_FIRST = 20_000; // characters: a browser lays out more only slowly

export function Json({ value, label }) {
  const [whole, setWhole] = useState(false);
  const text = JSON.stringify(value, null, 2) ?? "";
  const shown = whole ? text : text.slice(0, SHOWN_AT_FIRST);
  return html`<div class="tight">
    <pre tabindex="0" role="region" aria-label=${`${label} as JSON`}>${shown}</pre>
    ${shown.length < text.length && html`<button onClick=${() => setWhole(true)}>Show all ${bytes(text.length)}</button>`}
  </div>`;
}

/** A question in a modal dialog. Escape and the first button answer no. */
export function Confirm({ title, detail, action, onAnswer }) {
  const dialog = useRef();
  useLayoutEffect(() => dialog.current.showModal(), []);
  return html`<dialog ref=${dialog} aria-labelledby="question" onClose=${() => onAnswer(dialog.current.returnValue === "yes")}>
    <form method="dialog" class="stack">
      <h2 id="question">${title}</h2>
      <p>${detail}</p>
      <div class="bar"><button value="no">Keep it</button><button value="yes" class="danger">${action}</button></div>
    </form>
  </dialog>`;
}

/** The heading of a view: it names the page, and takes the focus when the view is gone to. */
export function Title({ children, name }) {
  const heading = useRef();
  useEffect(() => { document.title = `${name} – Overtime`; }, [name]);
  useEffect(() => { if (Title.moved) heading.current.focus(); Title.moved = true; }, []);
  return html`<h1 ref=${heading} tabindex="-1">${children ?? name}</h1>`;
}
