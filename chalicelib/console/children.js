// A job's children: a grid of small squares that fill, and a list of those with one status.
import { age, Failure, Loading, ms, STATUSES, useNow } from "./parts.js";
import { Row, tookOf } from "./jobs.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";
import { read } from "./session.js";

const SQUARES = 1_000; // at most: where there are more children, a square stands for several
const CELL = 10; // of the drawing, a square with its gap
const PAGE = 20;
const LOOKS = 20; // pages without a child of the status: the service examines so many children for each
const KINDS = { succeeded: "succeeded", failed: "failed", canceled: "canceled", live: "not finished" };

/** [kind, squares] in the order of the grid. A kind with few children gets a square: one failure is seen. */
export function squaresOf(children) {
  const each = Math.max(1, Math.ceil(children.total / SQUARES));
  const count = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, Math.ceil(children[kind] / each)]));
  const most = Object.keys(KINDS).reduce((one, other) => (count[other] >= count[one] ? other : one));
  count[most] += Math.ceil(children.total / each) - Object.values(count).reduce((sum, one) => sum + one);
  return { each, squares: Object.entries(count).filter(([, one]) => one > 0) };
}

/** The cells `from` to `to` of a grid, as rectangles: part of a row, whole rows, part of a row. */
function rectangles(from, to, columns) {
  const found = [];
  for (let at = from; at < to; ) {
    const column = at % columns;
    const rows = column ? 0 : Math.floor((to - at) / columns);
    const width = rows ? columns : Math.min(columns - column, to - at);
    found.push({ x: column * CELL, y: Math.floor(at / columns) * CELL, width: width * CELL, height: (rows || 1) * CELL });
    at += width * (rows || 1);
  }
  return found;
}

const number = (count) => count.toLocaleString();
const said = (children) => Object.entries(KINDS).filter(([kind]) => children[kind] > 0)
  .map(([kind, word]) => `${number(children[kind])} ${word}`).join(", ");

/** However many there are, it is a dozen rectangles: the squares are their pattern. */
function Grid({ children }) {
  const box = useRef();
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => setWidth(contentRect.width));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const { each, squares } = squaresOf(children);
  const total = squares.reduce((sum, [, one]) => sum + one, 0);
  const pixels = total > 300 ? 10 : total > 60 ? 14 : 20; // of a cell on the screen
  const columns = Math.max(1, Math.min(total, Math.floor(width / pixels)));
  const rows = Math.ceil(total / columns);
  let from = 0;
  const drawn = squares.flatMap(([kind, one]) => {
    from += one;
    return rectangles(from - one, from, columns).map((place) => html`<rect ...${place} fill="url(#${kind})" />`);
  });
  return html`<div class="tight" ref=${box}>
    ${width > 0 && html`<svg class="squares" viewBox="0 0 ${columns * CELL} ${rows * CELL}" width=${columns * pixels} height=${rows * pixels}
      role="img" aria-label=${`${number(children.total)} children: ${said(children)}`}><${Patterns} />${drawn}</svg>`}
    <ul class="key">${squares.map(([kind]) => html`<li><svg viewBox="0 0 ${CELL} ${CELL}" aria-hidden="true"><rect width=${CELL} height=${CELL} fill="url(#${kind})" /></svg>
      ${number(children[kind])} ${KINDS[kind]}</li>`)}${each > 1 && html`<li>A square stands for ${number(each)} children.</li>`}</ul>
  </div>`;
}

/** A full square, one with a cross, one with a stroke, an empty one: they differ without their colors, too. */
function Patterns() {
  const pattern = (kind, inside) => html`<pattern id=${kind} class=${`square ${kind}`} width=${CELL} height=${CELL} patternUnits="userSpaceOnUse">
    <rect x="1.25" y="1.25" width="7.5" height="7.5" rx="1.5" />${inside}</pattern>`;
  return html`<defs>${pattern("succeeded")}${pattern("failed", html`<path d="M3 3l4 4m0-4l-4 4" />`)}
    ${pattern("canceled", html`<path d="M2.5 7.5l5-5" />`)}${pattern("live")}</defs>`;
}

/** The children with a status, as pages. It reads the first page again whenever their counts change. */
function useChildren(id, status, counts) {
  const [seen, setSeen] = useState({ jobs: [] });
  const reading = useRef(); // what ends the present one
  const isLonger = useRef(false);
  const load = async (start, jobs) => {
    reading.current?.abort();
    const { signal } = (reading.current = new AbortController());
    try {
      let next = start;
      let found = [];
      for (let looks = 0; next !== null && looks < LOOKS && !found.length; looks++) {
        const answer = await read(`/jobs/${id}/children?${next}`, { signal });
        found = answer.jobs;
        next = answer.next && new URL(answer.next).search.slice(1);
      }
      setSeen({ jobs: [...jobs, ...found], next, ready: true });
    } catch (error) {
      if (!signal.aborted) setSeen((before) => ({ ...before, error, next: start }));
    }
  };
  useEffect(() => {
    setSeen({ jobs: [] });
    isLonger.current = false;
    return () => reading.current?.abort();
  }, [id, status]);
  useEffect(() => {
    if (!isLonger.current) load(new URLSearchParams({ limit: PAGE, ...(status && { status }) }), []);
  }, [id, status, counts]);
  const more = () => {
    isLonger.current = true;
    load(seen.next, seen.jobs);
  };
  return { ...seen, more };
}

export function Children({ job }) {
  const { children } = job;
  const [status, setStatus] = useState(children.failed > 0 ? "failed" : "");
  const { jobs, next, ready, error, more } = useChildren(job.id, status, JSON.stringify(children));
  const now = useNow();
  const isWhole = jobs.length >= (status ? children[status] : children.total); // of queued and running ones there is no count each
  const choose = ({ target }) => setStatus(target.value);
  return html`<section class="card stack" aria-labelledby="children">
    <div class="bar"><h2 id="children">Children</h2><div class="filters"><label>Status <select onChange=${choose}><option value="" selected=${!status}>All</option>
      ${STATUSES.map((one) => html`<option value=${one} selected=${one === status}>${one}</option>`)}</select></label></div></div>
    <${Grid} children=${children} />
    ${jobs.length > 0 && html`<ul class="jobs" aria-label="Children, in the order of their items">
      ${jobs.map((one) => html`<li key=${one.id}><${Row} job=${one} age=${age(now - ms(one.created_at))} took=${tookOf(one, now)} /></li>`)}</ul>`}
    ${!ready && !error && html`<${Loading} what="children" />`}
    ${ready && !jobs.length && !next && html`<p class="quiet">${status ? `None is ${status}.` : "None yet."}</p>`}
    <${Failure} error=${error} again=${more} />
    ${next && !isWhole && !error && html`<p class="bar"><button onClick=${more}>${jobs.length ? "Show more" : "Look further"}<span class="hidden"> children</span></button></p>`}
  </section>`;
}
