// What a job waits for: questions, which can be answered here, or a moment.
import { SchemaForm } from "./form.js";
import { duration, Failure, ms, Text, Time } from "./parts.js";
import { html, useEffect, useRef, useState } from "./preact.js";
import { initial, replaceFiles, resolve } from "./schema.js";
import { call, client } from "./session.js";
import { answerSnippets, Snippets } from "./snippets.js";

const CLOSED = new Set([404, 409]); // another answer came first, or its time is over

export function Waits({ job, now, again }) {
  const { answers = [], until } = job.waits_for ?? {};
  const [ends, setEnds] = useState(new Map()); // step → null if an answer was taken here, an error, or "closed"
  const shown = useRef([]); // the open steps of the last state
  const end = (step, error = null) => setEnds((before) => new Map(before).set(step, error));
  useEffect(() => {
    const open = answers.map((one) => one.step);
    const asked = open.filter((step) => !shown.current.includes(step));
    const closed = job.status === "canceled" ? [] : shown.current.filter((step) => !open.includes(step)).map((step) => [step, "closed"]);
    // What the service answered to the form here counts, whether it came before this state of the job or after.
    if (closed.length + asked.length) setEnds((before) => new Map([...closed, ...before].filter(([step]) => !asked.includes(step))));
    shown.current = open;
  }, [job]);
  return html`
    ${until && html`<p class="note">It sleeps, and goes on at <${Time} at=${until} />${ms(until) > now && `, in ${duration(ms(until) - now)}`}.</p>`}
    <div class="tight" role="status">${[...ends].map(([step, error]) => html`<${End} key=${step} step=${step} error=${error} />`)}</div>
    ${answers.map((one) => html`<${Question} key=${one.step} ...${{ job, now, again, question: one, onEnd: end }} />`)}`;
}

function End({ step, error }) {
  const text = error === null ? "was taken. The job goes on." : "was not taken.";
  if (error === "closed") return html`<p class="note">The question <code>${step}</code> is closed: it was answered elsewhere, or its time is over.</p>`;
  return html`<div class="note tight ${error ? "bad" : ""}"><p><strong>Your answer to <code>${step}</code> ${text}</strong></p>
    ${error && html`<p>${error.message}</p>`}</div>`;
}

function Question({ job, question, now, again, onEnd }) {
  const { step, prompt, schema, expires_at: until } = question;
  const path = `/answers/${step}`;
  const [answer, setAnswer] = useState(() => initial(resolve(schema, schema), schema, true));
  const [{ busy, error }, setState] = useState({});
  const form = useRef();
  const faults = new Map((error?.problem?.errors ?? []).map((one) => [path + one.pointer, one.detail]));
  useEffect(() => { if (error) form.current.querySelector("[aria-invalid=true]")?.focus(); }, [error]);
  const send = async (event) => {
    event.preventDefault();
    setState({ busy: true });
    try {
      const body = await replaceFiles(answer, (file) => client.upload(file));
      await call("POST", `/jobs/${job.id}${path}`, { body: body ?? null });
      onEnd(step);
    } catch (failure) {
      const isClosed = CLOSED.has(failure.status);
      setState({ error: isClosed ? undefined : failure });
      if (!isClosed) return;
      onEnd(step, failure);
    }
    again();
  };
  const remaining = ms(until) - now;
  return html`<section class="card stack" aria-labelledby=${`question-${step}`}>
    <div class="tight"><h2 id=${`question-${step}`}>Question: ${step}</h2><${Text} text=${prompt} />
      <p class="small quiet">${remaining > 0 ? html`Open until <${Time} at=${until} />, for ${duration(remaining)}.` : html`Its time ended at <${Time} at=${until} />: an answer is refused.`}</p></div>
    <form class="stack" ref=${form} onSubmit=${send} aria-label=${`Answer to ${step}`}>
      <${SchemaForm} schema=${schema} name="Answer" value=${answer} onChange=${setAnswer} path=${path} faults=${faults} />
      <${Failure} error=${error} />
      <p class="bar"><button class="main" disabled=${busy}>${busy ? "Sending…" : "Answer"}</button></p>
    </form>
    <details><summary>The same by a program</summary><${Snippets} id=${`snippet-${step}`} snippets=${answerSnippets(job.id, step, answer ?? null)} /></details>
  </section>`;
}
