// Schedules: the list with their next moments, and the form that makes or changes one.
import { SchemaForm } from "./form.js";
import { Refused } from "./overtime.js";
import { Confirm, Failure, Json, Loading, Title } from "./parts.js";
import { html, useEffect, useRef, useState } from "./preact.js";
import { initial, replaceFiles, resolve } from "./schema.js";
import { client, useLoaded } from "./session.js";
import { Program, scheduleSnippets } from "./snippets.js";

const PAUSE = 15_000; // ms between reads of the list
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const PLAN = ["cron", "timezone", "task", "params", "overlap", "paused"]; // what PUT takes
const pathOf = (name) => `/schedules/${encodeURIComponent(name)}`;

async function readAll(signal) {
  const schedules = [];
  for await (const one of client.schedules.list({ limit: 100, signal })) schedules.push(one);
  return schedules;
}

const planOf = (schedule) => Object.fromEntries(PLAN.map((name) => [name, schedule[name]]));

export function SchedulesPage() {
  const [loaded, error, again] = useLoaded(readAll, []);
  const last = useRef();
  if (loaded) last.current = loaded;
  const schedules = last.current;
  useEffect(() => {
    const timer = setTimeout(() => document.hidden || again(), PAUSE);
    return () => clearTimeout(timer);
  });
  return html`<div class="stack">
    <div class="bar"><${Title} name="Schedules" /><a class="button main" href="#/schedule">New schedule</a></div>
    <${Failure} error=${error} again=${again} />
    ${!schedules && !error && html`<${Loading} what="schedules" />`}
    ${schedules?.length === 0 && html`<div class="card empty"><h2>No schedules yet</h2>
      <p class="quiet">A schedule submits a job at each of its moments, such as 02:30 every night.</p></div>`}
    ${schedules?.length > 0 && html`<ul class="stack" aria-label="Schedules">${schedules.map((one) => html`<li class="card stack" key=${one.name}><${Schedule} schedule=${one} again=${again} /></li>`)}</ul>`}
  </div>`;
}

function Schedule({ schedule, again }) {
  const { name, cron, timezone, task, params, overlap, paused, declared, next, last_job: job, missed } = schedule;
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const act = async (action) => {
    setBusy(true);
    setError(null);
    await action().then(again, setError);
    setBusy(false);
  };
  const pause = () => act(async () => client.schedules.put(name, { ...(await client.schedules.get(name)), paused: !paused }));
  const answered = (yes) => {
    setAsking(false);
    if (yes) act(() => client.schedules.delete(name).then(() => document.querySelector("h1").focus())); // its card goes
  };
  const facts = [
    ["Task", html`<code>${task}</code>`],
    ["Cron", html`<code>${cron}</code>`],
    ["Time zone", timezone],
    ["Last job", job ? html`<a href="#/jobs/${job}"><code>${job.slice(0, 8)}</code></a>` : "none"],
    missed > 0 && ["Missed moments", missed.toLocaleString()],
    ["While one runs", overlap === "skip" ? "skips the next" : "starts the next, too"],
  ];
  const hidden = html`<span class="hidden"> ${name}</span>`;
  return html`
    <div class="bar"><h2>${name}</h2>
      ${paused && html`<span class="quiet">paused</span>`}
      ${declared ? html`<span class="quiet">declared by the code, which alone changes it</span>` : html`<div class="bar">
        <button disabled=${busy} onClick=${pause}>${paused ? "Resume" : "Pause"}${hidden}</button>
        <a class="button" href="#${pathOf(name)}">Edit${hidden}</a>
        <button class="danger" disabled=${busy} onClick=${() => setAsking(true)}>Delete${hidden}</button></div>`}
    </div>
    <${Failure} error=${error} />
    <dl class="facts">${facts.filter(Boolean).map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
    ${next.length > 0 ? html`<${Moments} ...${{ name, next, timezone }} />` : html`<p class="quiet">${paused ? "It is paused: no job starts." : "No moment comes."}</p>`}
    <details><summary>Params</summary><${Json} value=${params} label=${`Params of ${name}`} /></details>
    ${asking && html`<${Confirm} title=${`Delete the schedule ${name}?`} action="Delete" onAnswer=${answered}
      detail="A job of it that has not started will not start. Jobs that have started go on." />`}`;
}

/** The next moments as clocks here and in the schedule's zone show them. */
function Moments({ name, next, timezone }) {
  const zones = timezone === HERE ? [HERE] : [HERE, timezone];
  const isThisYear = next.every((one) => new Date(one).getFullYear() === new Date().getFullYear());
  const year = isThisYear ? undefined : "numeric";
  const shown = zones.map((timeZone) => new Intl.DateTimeFormat(undefined, { weekday: "short", year, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZone }));
  return html`<table class="moments"><caption class="hidden">Next moments of ${name}</caption>
    <thead><tr>${zones.map((zone, at) => html`<th scope="col">${at ? "" : "Here, "}${zone}</th>`)}</tr></thead>
    <tbody>${next.map((one) => html`<tr key=${one}>${shown.map((format) => html`<td><time dateTime=${one}>${format.format(new Date(one))}</time></td>`)}</tr>`)}</tbody></table>`;
}

/** The form of one schedule: a new one without a name. */
export function ScheduleForm({ name }) {
  const [tasks, tasksError, again] = useLoaded((signal) => client.tasks({ signal }), []);
  const [found, error, readAgain] = useLoaded(async (signal) => (name ? client.schedules.get(name, { signal }) : {}), [name]);
  const isWaiting = !(tasks || tasksError) || !(found || error);
  return html`<div class="stack">
    <p class="bar"><a href="#/schedules">Schedules</a></p>
    <${Title} name=${name || "New schedule"} />
    <${Failure} error=${tasksError} again=${again} />
    <${Failure} error=${error} again=${readAgain} />
    ${isWaiting && html`<${Loading} what="the schedule" />`}
    ${found?.declared && html`<p class="note">The code declares this schedule, and alone changes it.</p>`}
    ${tasks && found && !found.declared && html`<${Plan} key=${found.etag} ...${{ name, tasks, schedule: found, readAgain }} />`}
  </div>`;
}

function planSchema(tasks, given) {
  const zones = [...new Set([given.timezone, HERE, "UTC", ...Intl.supportedValuesOf("timeZone")].filter(Boolean))];
  const of = (type, description, more) => ({ type, description, ...more });
  return {
    type: "object",
    required: ["name", "task", "cron", "timezone"],
    properties: {
      ...(!given.name && { name: of("string", "Letters, digits, `-`, `_` and `.`.", { minLength: 1, maxLength: 64 }) }),
      task: { enum: tasks.map((one) => one.name) },
      cron: of("string", "Minute, hour, day of the month, month and day of the week. `30 2 * * *` is 02:30 every night, `*/15 * * * 1-5` every 15 minutes on weekdays.", { minLength: 1, maxLength: 200 }),
      timezone: { enum: zones, description: "Its clock counts, with its changes to and from summer time." },
      overlap: { enum: ["skip", "allow"], default: "skip", description: "At a moment at which the previous job still runs: `skip` leaves it out, `allow` starts another." },
      paused: of("boolean", "No job starts until it is resumed.", { default: false }),
    },
  };
}

function Plan({ name, tasks, schedule, readAgain }) {
  const [plan, setPlan] = useState(() => (name ? planOf(schedule) : { name: "", cron: "", timezone: HERE, overlap: "skip", paused: false }));
  const [{ busy, error }, setState] = useState({});
  const form = useRef();
  const task = tasks.find((one) => one.name === plan.task);
  const faults = new Map((error?.problem?.errors ?? []).map((one) => [one.pointer, one.detail]));
  useEffect(() => { if (error) form.current.querySelector("[aria-invalid=true]")?.focus(); }, [error]);
  const change = (changed) => {
    const chosen = changed.task !== plan.task && tasks.find((one) => one.name === changed.task);
    setPlan(chosen ? { ...changed, params: initial(resolve(chosen.params, chosen.params), chosen.params, true) } : changed);
  };
  const { name: typed, ...body } = plan;
  const shown = name || typed || "NAME";
  const save = async (event) => {
    event.preventDefault();
    setState({ busy: true });
    try {
      if (!name && await isTaken(typed)) throw taken(typed);
      const params = await replaceFiles(plan.params, (file) => client.upload(file));
      await client.schedules.put(shown, { ...body, params, etag: schedule.etag });
      location.hash = "#/schedules";
    } catch (failure) {
      setState({ error: failure });
    }
  };
  return html`<div class="split">
    <form class="card stack" ref=${form} onSubmit=${save} aria-label="Schedule">
      <${SchemaForm} schema=${planSchema(tasks, schedule)} value=${plan} onChange=${change} path="" faults=${faults} />
      ${task && html`<${SchemaForm} key=${task.name} name="params" schema=${task.params} value=${plan.params} onChange=${(params) => setPlan({ ...plan, params })} path="/params" faults=${faults} />`}
      <${Failure} error=${error} again=${error?.status === 412 && readAgain} action="Load it as it is now" />
      <p class="bar"><button class="main" disabled=${busy}>${busy ? "Saving…" : "Save"}</button><a class="button" href="#/schedules">Cancel</a></p>
    </form>
    <${Program} snippets=${scheduleSnippets(shown, pathOf(shown), body)} />
  </div>`;
}

/** A PUT would change the other one. */
function taken(name) {
  const detail = `There is a schedule named ${name}. Choose another name, or edit that one.`;
  return new Refused({ title: "The name is taken", detail, status: 409, errors: [{ pointer: "/name", detail }] });
}

const isTaken = (name) => client.schedules.get(name).then(() => true, (error) => {
  if (error.status === 404) return false;
  throw error;
});
