// A job's page: how it goes, what it was given, what came of it, and what can be done to it.
import { Children } from "./children.js";
import { Badge, bytes, Confirm, Copy, duration, Failure, FINAL, Json, Loading, ms, Progress, Time, Title, useNow, WAITS_FOR } from "./parts.js";
import { html, useEffect, useMemo, useRef, useState } from "./preact.js";
import { client, read, request, useLoaded } from "./session.js";
import { Timeline } from "./timeline.js";
import { Waits } from "./waits.js";

const PAUSE = 2_000; // ms between reads while children run: push does not tell how many have ended
const CASCADE = 60_000; // ms in which the children of a job that has ended are canceled, mostly

/** The job as it is now, and from now on. Returns [handle, job, error, again]. */
function useJob(id) {
  const handle = useMemo(() => client.job(id), [id]);
  const [job, setJob] = useState(null);
  const [error, setError] = useState(null);
  const [count, setCount] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    const follow = async () => {
      for await (const state of handle.updates({ signal: control.signal })) setJob(state);
    };
    const look = async () => {
      const { children, finished_at: end } = handle.job ?? {};
      if (document.hidden || !children?.live || (end && Date.now() - ms(end) > CASCADE)) return;
      await handle.refresh({ signal: control.signal }).then(setJob, () => {}); // the banner tells
    };
    setError(null);
    follow().catch((failure) => control.signal.aborted || setError(failure));
    const timer = setInterval(look, PAUSE);
    return () => {
      control.abort();
      clearInterval(timer);
    };
  }, [handle, count]);
  return [handle, job, error, () => setCount((before) => before + 1)];
}

/** Its history as it comes. It is read anew once the job is finished, or runs again. */
function useEvents(handle, isFinished) {
  const [events, setEvents] = useState([]);
  const [error, setError] = useState(null);
  useEffect(() => {
    const control = new AbortController();
    const follow = async () => {
      const found = [];
      for await (const event of handle.events({ follow: !isFinished, signal: control.signal })) {
        found.push(event);
        setEvents((before) => (found.length >= before.length ? [...found] : before));
      }
    };
    setError(null);
    follow().catch((failure) => control.signal.aborted || setError(failure));
    return () => control.abort();
  }, [handle, isFinished]);
  return [events, error];
}

export function JobPage({ id }) {
  const [handle, job, error, again] = useJob(id);
  if (error && !job) {
    if (error.status !== 404) return html`<div class="stack"><${Title} name="Job" /><${Failure} error=${error} again=${again} /></div>`;
    return html`<div class="card empty"><${Title} name="There is no such job" />
      <p class="quiet">It may have been erased or be another owner's. Finished jobs are deleted after a time.</p>
      <p><a class="button" href="#/">All jobs</a></p></div>`;
  }
  if (!job) return html`<div class="stack"><${Title} name="Job" /><${Loading} what="the job" /></div>`;
  return html`<${Found} handle=${handle} job=${job} error=${error} again=${again} />`;
}

function Found({ handle, job, error, again }) {
  const isFinished = FINAL.has(job.status);
  const [events, eventsError] = useEvents(handle, isFinished);
  const now = useNow();
  const logs = events.filter((event) => event.type === "log");
  const webhooks = events.filter((event) => event.type === "webhook");
  const transitions = events.filter((event) => event.type === "transition");
  return html`<div class="stack">
    <div class="tight">
      <p class="bar"><a href="#/">Jobs</a>${job.parent && html`<a href="#/jobs/${job.parent}">Parent <code>${job.parent.slice(0, 8)}</code></a>`}</p>
      <div class="bar"><${Title} name=${job.task} /><${Actions} handle=${handle} job=${job} again=${again} /></div>
      <p class="bar"><span role="status"><${Badge} job=${job} /></span><code>${job.id}</code><${Copy} text=${job.id} label="Copy id" /></p>
    </div>
    <${Failure} error=${error} again=${again} />
    <${Waits} job=${job} now=${now} again=${again} />
    <${Doing} job=${job} />
    ${job.children && html`<${Children} job=${job} />`}
    ${job.error && html`<section class="note bad tight" aria-label="Error">
      <h2>${job.error.title}</h2><p>${job.error.detail}</p>${!isFinished && html`<p class="small">Attempt ${job.attempt - (job.status === "running" ? 1 : 0)} of ${job.max_attempts} failed.</p>`}</section>`}
    <section class="card stack" aria-labelledby="timeline"><h2 id="timeline">Timeline</h2>
      <${Timeline} transitions=${transitions} now=${now} />
      <${Facts} job=${job} now=${now} />
      <${Failure} error=${eventsError} />
      <details><summary>History</summary><${History} events=${transitions} /></details>
    </section>
    ${job.artifacts.length > 0 && html`<section class="card tight" aria-labelledby="artifacts"><h2 id="artifacts">Artifacts</h2><${Artifacts} job=${job} /></section>`}
    ${job.links.result && html`<${Payload} name="Result" path=${`/jobs/${job.id}/result`} value=${job.result} />`}
    ${logs.length > 0 && html`<section class="card tight" aria-labelledby="log"><h2 id="log">Log</h2><${Log} lines=${logs} /></section>`}
    <${Payload} name="Params" path=${`/jobs/${job.id}/params`} value=${job.params} />
    ${webhooks.length > 0 && html`<section class="card tight" aria-labelledby="webhooks"><h2 id="webhooks">Webhooks</h2><${History} events=${webhooks} /></section>`}
  </div>`;
}

function Doing({ job }) {
  const { percent, message } = job.progress ?? {};
  if (FINAL.has(job.status) || percent === undefined) return null;
  return html`<div class="card tight"><p class="bar"><span class="grow">${message}</span><span class="num">${Math.round(percent)} %</span></p><${Progress} job=${job} /></div>`;
}

function Facts({ job, now }) {
  const began = job.started_at && ms(job.started_at);
  const facts = [
    ["Submitted", html`<${Time} at=${job.created_at} />`],
    job.attempt > 0 && !job.waits_for && ["Attempt", `${job.attempt} of ${job.max_attempts}`],
    began && [job.finished_at ? "Took" : "Since its start", duration((job.finished_at ? ms(job.finished_at) : now) - began)],
    job.finished_at && ["Finished", html`<${Time} at=${job.finished_at} />`],
    job.wait_reason && ["Waits for", WAITS_FOR[job.wait_reason] ?? job.wait_reason],
    job.next_attempt_at && ["Starts again", html`<${Time} at=${job.next_attempt_at} />`],
    !job.finished_at && job.deadline && ["Deadline", html`<${Time} at=${job.deadline} />`],
    job.expires_at && ["Kept until", html`<${Time} at=${job.expires_at} />`],
  ];
  return html`<dl class="facts">${facts.filter(Boolean).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function History({ events }) {
  return html`<ol class="events">${events.map((event) => html`<li>
    <${Time} at=${event.at} clock />
    <div>${event.verb.replace(/_/g, " ")}${event.attempt ? html` <span class="quiet">attempt ${event.attempt}</span>` : ""}
      ${event.error && html`<p class="fault">${event.error.message}</p>`}
      ${event.left_out > 0 && html`<p class="quiet small">${event.left_out} transitions before it are not kept.</p>`}</div>
  </li>`)}</ol>`;
}

/** Log lines; it stays at the end while the reader does. */
function Log({ lines }) {
  const box = useRef();
  const atEnd = useRef(true);
  const scrolled = ({ target }) => (atEnd.current = target.scrollHeight - target.scrollTop - target.clientHeight < 8);
  useEffect(() => { if (atEnd.current) box.current.scrollTop = box.current.scrollHeight; }, [lines.length]);
  return html`<div class="log" ref=${box} onScroll=${scrolled} tabindex="0" role="log" aria-label="Log lines">
    <ol>${lines.map((line) => html`<li><span class="quiet"><${Time} at=${line.at} clock /></span><span>${line.message}</span></li>`)}</ol>
  </div>`;
}

function Artifacts({ job }) {
  const [error, setError] = useState(null);
  const download = async (name) => {
    setError(null);
    try {
      const path = `/jobs/${job.id}/artifacts/${encodeURIComponent(name)}`;
      const found = await request(path); // followed to the bucket, whose URL then saves the file
      found.body?.cancel();
      if (!found.ok) throw new Error(`${name} cannot be downloaded: the service answered ${found.status}.`);
      location.assign(found.url);
    } catch (failure) {
      setError(failure);
    }
  };
  return html`<ul class="files">${job.artifacts.map((file) => html`<li>
    <code class="grow">${file.name}</code><span class="quiet small">${file.content_type}</span><span class="num">${bytes(file.size)}</span>
    <button onClick=${() => download(file.name)}>Download<span class="hidden"> ${file.name}</span></button></li>`)}</ul>
    <${Failure} error=${error} />`;
}

/** Params or result. Those that the job's own answer leaves out are fetched. */
function Payload({ name, path, value }) {
  const [fetched, error, again] = useLoaded(async (signal) => (value === null ? { value: await read(path, { signal }) } : null), [path, value === null]);
  const shown = value ?? fetched?.value;
  return html`<section class="card tight" aria-labelledby=${name}>
    <div class="bar"><h2 id=${name}>${name}</h2>${shown !== undefined && html`<${Copy} text=${JSON.stringify(shown, null, 2)} />`}</div>
    ${error ? html`<${Failure} error=${error} again=${again} />` : shown === undefined ? html`<${Loading} />` : html`<${Json} value=${shown} label=${name} />`}
  </section>`;
}

function Actions({ handle, job, again }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const [asking, setAsking] = useState(false);
  const act = async (action) => {
    setBusy(true);
    setError(null);
    await action().catch(setError);
    setBusy(false);
  };
  const cancel = () => act(() => handle.cancel().then(again));
  const retry = () => act(() => handle.retry().then(again));
  const erase = () => act(async () => {
    await handle.erase();
    location.hash = "#/";
  });
  const answered = (yes) => {
    setAsking(false);
    if (yes) erase();
  };
  return html`<div class="tight"><div class="bar">
      ${job.links.cancel && html`<button disabled=${busy || job.cancel_requested} onClick=${cancel}>Cancel</button>`}
      ${job.links.retry && html`<button class="main" disabled=${busy} onClick=${retry}>Retry</button>`}
      <a class="button" href="#/new/${encodeURIComponent(job.task)}?from=${job.id}">Submit again</a>
      ${FINAL.has(job.status) && !job.parent && html`<button class="danger" disabled=${busy} onClick=${() => setAsking(true)}>Erase</button>`}
    </div>
    <${Failure} error=${error} />
    ${asking && html`<${Confirm} title="Erase this job?" action="Erase" onAnswer=${answered}
      detail="Its params, result, artifacts and history are deleted for good." />`}
  </div>`;
}
