// The form that submits a job: made from the task's schema, with files that go to the bucket first.
import { bytes, Failure, Loading, Text, Title } from "./parts.js";
import { SchemaForm } from "./form.js";
import { html, useEffect, useRef, useState } from "./preact.js";
import { initial, replaceFiles, resolve } from "./schema.js";
import { client, read, useLoaded } from "./session.js";
import { Program, snippetsOf } from "./snippets.js";

const ENDS = ["succeeded", "failed", "canceled"];

/** `from`: the id of a job whose params the form begins with. */
export function Submit({ task: name, from }) {
  const [tasks, error, again] = useLoaded((signal) => client.tasks({ signal }), []);
  const [given, givenError] = useLoaded(async (signal) => (from ? read(`/jobs/${encodeURIComponent(from)}/params`, { signal }) : undefined), [from]);
  const task = tasks?.find((one) => one.name === name);
  const choose = ({ target }) => { location.hash = `#/new/${encodeURIComponent(target.value)}`; };
  const isWaiting = !tasks && !error;
  return html`<div class="stack">
    <${Title} name="New job" />
    <${Failure} error=${error} again=${again} />
    <${Failure} error=${givenError} />
    ${isWaiting && html`<${Loading} what="tasks" />`}
    ${tasks?.length === 0 && html`<div class="card empty"><h2>This stage has no tasks</h2><p class="quiet">Add one to <code>chalicelib/tasks</code> and deploy.</p></div>`}
    ${tasks?.length > 0 && html`<p class="field narrow"><label for="task">Task</label><select id="task" onChange=${choose}>
      <option value="" disabled selected=${!task}>Choose a task…</option>
      ${tasks.map((one) => html`<option value=${one.name} selected=${one === task}>${one.name}</option>`)}</select></p>`}
    ${name && tasks && !task && html`<p class="note bad" role="alert">There is no task <code>${name}</code> on this stage.</p>`}
    ${task && (!from || given || givenError) && html`<${TaskForm} key=${`${name} ${from}`} task=${task} given=${given} />`}
  </div>`;
}

function TaskForm({ task, given }) {
  const schema = resolve(task.params, task.params);
  const [params, setParams] = useState(() => given ?? initial(schema, task.params, true));
  const [options, setOptions] = useState({ events: ENDS });
  const { busy, uploads, error, submit } = useSubmit();
  const body = bodyOf(task.name, params, options);
  const faults = new Map((error?.problem?.errors ?? []).map((one) => [one.pointer, one.detail]));
  const form = useRef();
  useEffect(() => { if (error) form.current.querySelector("[aria-invalid=true]")?.focus(); }, [error]);
  const send = (event) => {
    event.preventDefault();
    submit(body, options.after);
  };
  return html`<div class="split">
    <form class="card stack" ref=${form} onSubmit=${send} aria-label=${`Params of ${task.name}`}>
      <${About} text=${[task.description, schema.description].filter(Boolean).join("\n\n")} />
      <${SchemaForm} schema=${task.params} value=${params} onChange=${setParams} path="/params" faults=${faults} />
      <${Options} options=${options} onChange=${(change) => setOptions({ ...options, ...change })} faults=${faults} />
      <${Failure} error=${error} />
      ${uploads.map(([file, loaded]) => html`<p class="tight" key=${file}><span>Uploading ${file.name}, ${bytes(file.size)}</span>
        <progress max=${file.size || 1} value=${loaded} aria-label=${`Upload of ${file.name}`} /></p>`)}
      <p class="bar"><button class="main" disabled=${busy}>${busy ? "Submitting…" : "Submit"}</button></p>
    </form>
    <${Program} snippets=${snippetsOf(body, options.after)} />
  </div>`;
}

/** The first paragraph, and the rest on demand. */
function About({ text }) {
  const [first, ...rest] = text.split(/\n\s*\n/);
  return html`<div class="quiet tight"><${Text} text=${first} />
    ${rest.length > 0 && html`<details><summary>About this task</summary><${Text} text=${rest.join("\n\n")} /></details>`}</div>`;
}

function bodyOf(task, params, { at, url, events }) {
  return {
    task,
    params,
    ...(at && { run_at: new Date(at).toISOString() }),
    ...(url && { webhook: { url, events } }),
  };
}

/** Uploads the files of the params, each once, and submits. A repeat after a lost answer makes no second job. */
function useSubmit() {
  const [state, setState] = useState({ busy: false, uploads: [] });
  const ids = useRef(new Map()); // File → upload id, so that a repeat does not send it again
  const lost = useRef({});
  const submit = async (body, cancelAfter) => {
    setState({ busy: true, uploads: [] });
    const upload = async (file) => {
      const tell = (loaded) => setState((before) => ({ ...before, uploads: [...before.uploads.filter(([one]) => one !== file), [file, loaded]] }));
      if (!ids.current.has(file)) ids.current.set(file, await client.upload(file, { onProgress: tell }));
      return ids.current.get(file);
    };
    try {
      const { task, run_at: runAt, webhook } = body;
      const params = await replaceFiles(body.params, upload);
      const text = JSON.stringify([task, params, runAt, webhook, cancelAfter]);
      const idempotencyKey = lost.current.text === text ? lost.current.key : undefined;
      lost.current = { text };
      const job = await client.submit(task, params, { runAt, webhook, cancelAfter, idempotencyKey });
      location.hash = `#/jobs/${job.id}`;
    } catch (error) {
      lost.current.key = error.idempotencyKey;
      setState({ busy: false, uploads: [], error });
    }
  };
  return { ...state, submit };
}

function Options({ options, onChange, faults }) {
  const field = (name, label, pointer, help, more) => {
    const fault = faults.get(pointer);
    return html`<div class="field"><label for=${name}>${label} <small class="quiet">optional</small></label>
      <input id=${name} value=${options[name] ?? ""} aria-describedby="${name}?" aria-invalid=${fault ? "true" : undefined} onInput=${({ target }) => onChange({ [name]: target.value })} ...${more} />
      <p class="small quiet" id="${name}?">${help}</p>${fault && html`<p class="fault">${fault}</p>`}</div>`;
  };
  const toggle = (end) => onChange({ events: ENDS.filter((one) => options.events.includes(one) !== (one === end)) });
  return html`<details><summary>When, deadline and webhook</summary><div class="fields">
    ${field("at", "Start at", "/run_at", "In this browser's time zone, at most 30 days ahead.", { type: "datetime-local" })}
    ${field("after", "Cancel after", "", "It fails if it has not finished by then, such as 30s, 5m or 1h30m.", { placeholder: "5m" })}
    ${field("url", "Webhook", "/webhook/url", "A public https URL that receives the finished job.", { type: "url", placeholder: "https://…" })}
    ${options.url && html`<fieldset><legend>Send when it has</legend><p class="bar">${ENDS.map((end) => html`<label><input type="checkbox" checked=${options.events.includes(end)} onChange=${() => toggle(end)} />${end}</label>`)}</p></fieldset>`}
  </div></details>`;
}
