// The list of jobs: newest first, kept up to date while it is looked at, and longer the further it is scrolled.
import { age, Badge, duration, Failure, FINAL, Loading, ms, Progress, STATUSES, Title, useNow, WAITS_FOR } from "./parts.js";
import { Component, html, useEffect, useRef, useState } from "./preact.js";
import { client, read, useLoaded } from "./session.js";

const PAGE = 50; // jobs that scrolling adds
const LIMIT = 100; // the API's largest page
const PAUSE = 4_000; // ms between looks for new jobs
const WATCHED = 20; // unfinished jobs whose every change is pushed; the others change with each look

/** The jobs under these filters. Returns {jobs, error, more, ended, added}. */
function useJobs({ status, task }) {
  const [seen, setSeen] = useState({ jobs: [], added: 0 });
  const list = useRef();
  useEffect(() => {
    const control = new AbortController();
    const { signal } = control;
    const known = new Map();
    const pages = client.jobs({ status, task, limit: PAGE, signal });
    let busy = false;
    const show = (change = {}) => {
      if (signal.aborted) return;
      const jobs = [...known.values()].filter((job) => !status || job.status === status);
      jobs.sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
      setSeen((before) => ({ ...before, ...change, jobs }));
    };
    const learn = (job) => {
      const before = known.get(job.id);
      if (before && before.updated_at > job.updated_at) return;
      if (before?.updated_at === job.updated_at && before.status === job.status) return;
      known.set(job.id, job);
    };
    const more = async () => {
      if (busy || signal.aborted) return;
      busy = true;
      try {
        let ended = false;
        for (let count = 0; count < PAGE && !ended; count++) {
          const next = await pages.next();
          ended = next.done;
          if (!ended) learn(next.value);
        }
        show({ ended, ready: true, error: undefined });
      } catch (error) {
        show({ error });
      }
      busy = false;
    };
    const look = async () => {
      const jobs = [...known.values()];
      const open = jobs.findLastIndex((job) => !FINAL.has(job.status)) + 1;
      const query = new URLSearchParams({ limit: Math.min(Math.max(open, PAGE / 2), LIMIT), ...(task && { task }) });
      const found = await read(`/jobs?${query}`, { signal });
      const fresh = found.jobs.filter((job) => !known.has(job.id) && (!status || job.status === status));
      found.jobs.forEach((job) => (known.has(job.id) || !status || job.status === status) && learn(job));
      show({ added: fresh.length, error: undefined });
    };
    const again = async () => {
      while (!signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
        if (!document.hidden && !signal.aborted && !busy) await look().catch(() => {}); // the banner tells
      }
    };
    setSeen({ jobs: [], added: 0 });
    list.current = { more, learn: (job) => (learn(job), show()) };
    more().then(again);
    return () => control.abort();
  }, [status, task]);
  useWatched(seen.jobs, list);
  return { ...seen, more: () => list.current.more() };
}

/** Lets the newest unfinished jobs tell of every change. */
function useWatched(jobs, list) {
  const watching = useRef(new Map());
  useEffect(() => {
    const wanted = jobs.filter((job) => !FINAL.has(job.status)).slice(0, WATCHED).map((job) => job.id);
    for (const [id, control] of watching.current) {
      if (wanted.includes(id)) continue;
      control.abort();
      watching.current.delete(id);
    }
    for (const id of wanted) if (!watching.current.has(id)) watch(id);
  }, [jobs]);
  useEffect(() => () => watching.current.forEach((control) => control.abort()), []);

  async function watch(id) {
    const control = new AbortController();
    watching.current.set(id, control);
    try {
      for await (const job of client.job(id).updates({ signal: control.signal })) list.current.learn(job);
    } catch { /* erased, or no connection: the next look tells */ }
  }
}

/** One job. It is drawn again only if it reads differently: there may be a thousand, and a clock. */
export class Row extends Component {
  shouldComponentUpdate({ job, age, took }) {
    return job !== this.props.job || age !== this.props.age || took !== this.props.took;
  }

  render({ job, age, took }) {
    return html`<a class="row" href="#/jobs/${job.id}">
      <${Badge} job=${job} />
      <span class="task">${job.task}<code>${job.id.slice(0, 8)}</code></span>
      <span class="doing"><span>${saying(job)}</span><${Progress} job=${job} /></span>
      <span class="num age">${age}</span>
      <span class="num took">${took}</span>
    </a>`;
  }
}

export function tookOf({ started_at: began, finished_at: ended }, now) {
  return began ? duration((ended ? ms(ended) : now) - ms(began)) : "";
}

function saying(job) {
  if (job.status === "failed") return job.error?.message ?? "";
  const { wait_reason: reason } = job;
  if (job.status === "queued" && reason) return WAITS_FOR[reason] ? `waits for ${WAITS_FOR[reason]}` : reason === "backlog" ? "" : reason;
  const { percent, message } = job.progress ?? {};
  return job.status === "running" && percent !== undefined ? `${Math.round(percent)} % ${message}` : "";
}

export function JobList({ filters }) {
  const { status, task } = filters;
  const { jobs, error, ready, ended, added, more } = useJobs({ status, task });
  const [tasks = []] = useLoaded((signal) => client.tasks({ signal }), []);
  const now = useNow();
  return html`<div class="stack">
    <div class="bar">
      <${Title} name="Jobs" />
      <div class="filters">
        <${Filter} name="status" label="Status" filters=${filters} options=${STATUSES} />
        <${Filter} name="task" label="Task" filters=${filters} options=${tasks.map((one) => one.name)} />
      </div>
    </div>
    <p class="hidden" role="status">${added > 0 && `${added} new ${added > 1 ? "jobs" : "job"}`}</p>
    <${Failure} error=${error} again=${more} />
    ${!ready && !error && html`<${Loading} what="jobs" />`}
    ${ready && !jobs.length && ended && html`<${Empty} filtered=${status || task} />`}
    ${jobs.length > 0 && html`<div class="card jobs">
      <div class="head" aria-hidden="true"><span>Status</span><span>Task</span><span>Progress</span><span class="num">Submitted</span><span class="num">Took</span></div>
      <ul aria-label="Jobs, newest first">
        ${jobs.map((job) => html`<li key=${job.id}><${Row} job=${job} age=${age(now - ms(job.created_at))} took=${tookOf(job, now)} /></li>`)}
      </ul>
    </div>`}
    ${ready && !ended && html`<${More} onSeen=${more} />`}
  </div>`;
}

function Filter({ name, label, filters, options }) {
  const choose = ({ target }) => {
    const chosen = { ...filters, [name]: target.value };
    location.hash = `#/?${new URLSearchParams(Object.entries(chosen).filter(([, value]) => value))}`;
  };
  const value = filters[name] ?? "";
  const all = value && !options.includes(value) ? [value, ...options] : options;
  return html`<label>${label} <select value=${value} onChange=${choose}>
    <option value="">All</option>${all.map((one) => html`<option value=${one} selected=${one === value}>${one}</option>`)}
  </select></label>`;
}

function Empty({ filtered }) {
  return html`<div class="card empty">
    <h2>${filtered ? "No job matches these filters" : "No jobs yet"}</h2>
    <p class="quiet">${filtered ? "Choose others, or look at all jobs." : "What you submit appears here at once, and tells how it goes."}</p>
    <p>${filtered ? html`<a class="button" href="#/">Show all</a>` : html`<a class="button main" href="#/new">Submit a job</a>`}</p>
  </div>`;
}

/** Asks for more jobs when it comes into sight; a button where that does not happen. */
function More({ onSeen }) {
  const place = useRef();
  useEffect(() => {
    const observer = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && onSeen(), { rootMargin: "600px" });
    observer.observe(place.current);
    return () => observer.disconnect();
  });
  return html`<p ref=${place} class="empty"><button onClick=${onSeen}>Show older jobs</button></p>`;
}
