// A job's life as a picture: when it waited and why, when it ran, and how it ended.
import { duration, ms } from "./parts.js";
import { html } from "./preact.js";

const WAITS = {
  submit: "waiting", retry: "waiting", rescue: "waiting", wake: "waiting", retry_later: "backoff", continue: "continuing",
  suspend: "suspended", sleep: "sleeping",
};
const LEGEND = {
  waiting: "Waiting", attempt: "Attempt", backoff: "Backoff", continuing: "Continuation", suspended: "Suspended", sleeping: "Sleep",
};
const LEAST = 1.2; // percent of the width: what is shorter would not be seen

/** The transitions as spans of time: [{kind, attempt, from, to}], oldest first. `now` ends the last. */
export function spansOf(transitions, now) {
  const spans = [];
  for (const { verb, at, status, attempt } of transitions) {
    const last = spans.at(-1);
    const kind = status === "running" ? "attempt" : status === "queued" ? WAITS[verb] ?? last?.kind ?? "waiting" : null;
    if (last && last.to === undefined) {
      if (kind === last.kind && (kind !== "attempt" || attempt === last.attempt)) continue;
      last.to = ms(at);
    }
    if (kind) spans.push({ kind, attempt, from: ms(at), to: undefined });
  }
  return spans.map((span) => ({ ...span, to: Math.max(span.from, span.to ?? now) }));
}

export function Timeline({ transitions, now }) {
  const spans = spansOf(transitions, now);
  if (!spans.length) return null;
  const whole = Math.max(1, spans.reduce((sum, { from, to }) => sum + to - from, 0));
  const widths = spans.map(({ from, to }) => Math.max(LEAST, ((to - from) / whole) * 100));
  const total = widths.reduce((sum, one) => sum + one, 0);
  let x = 0;
  const drawn = spans.map((span, at) => {
    const width = (widths[at] / total) * 100;
    x += width;
    return { ...span, x: x - width, width };
  });
  const kinds = Object.keys(LEGEND).filter((kind) => spans.some((span) => span.kind === kind));
  const said = spans.map((span) => `${nameOf(span)} ${duration(span.to - span.from)}`).join(", ");
  return html`<figure class="timeline tight">
    <svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=${`Timeline: ${said}`}>
      ${drawn.map((span) => html`<rect class="seg ${span.kind}" x=${span.x} width=${span.width}
        y=${span.kind === "attempt" ? 0 : 3} height=${span.kind === "attempt" ? 10 : 4}>
        <title>${nameOf(span)}: ${duration(span.to - span.from)}</title></rect>`)}
    </svg>
    <p class="scale"><span>Submitted</span><span>${transitions.at(-1).status !== "queued" && transitions.at(-1).status !== "running" ? "Finished after " : ""}${duration(spans.at(-1).to - spans[0].from)}</span></p>
    <ul class="key">${kinds.map((kind) => html`<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="seg ${kind}" width="10" height="10" rx="2" /></svg>${LEGEND[kind]}
      ${" "}${duration(spans.reduce((sum, span) => sum + (span.kind === kind ? span.to - span.from : 0), 0))}</li>`)}</ul>
  </figure>`;
}

const nameOf = ({ kind, attempt }) => (kind === "attempt" ? `attempt ${attempt}` : LEGEND[kind].toLowerCase());
