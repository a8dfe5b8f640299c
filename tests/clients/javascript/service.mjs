// A service in memory under a virtual clock: what the client's decisions are tested against.
import { setImmediate } from "node:timers/promises";
import { Client } from "overtime-client";

export const URL_OF_SERVICE = "https://jobs.example.com/prod";
const BUCKET = "https://bucket.example.com/upload";

/** Time moves on to the next sleeper whenever everything waits. */
export class Clock {
  time = Date.UTC(2026, 10, 28);
  #sleepers = [];
  #moving = false;

  now = () => this.time;

  sleep = (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        reject(signal.reason);
      };
      const wake = () => (signal?.removeEventListener("abort", abort), resolve());
      const sleeper = { due: this.time + ms, wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", abort);
      this.#move();
    });

  async #move() {
    if (this.#moving) return;
    this.#moving = true;
    while (this.#sleepers.length) {
      for (let turn = 0; turn < 20; turn++) await setImmediate(); // all that can go on does
      const next = this.#sleepers.sort((a, b) => a.due - b.due).shift();
      if (!next) break;
      this.time = Math.max(this.time, next.due);
      next.wake();
    }
    this.#moving = false;
  }
}

export function problem(status, slug, headers = {}, more = {}) {
  const document = { type: `/problems/${slug}`, title: slug, status, detail: "Told.", ...more };
  return json(document, status, { "Content-Type": "application/problem+json", ...headers });
}

export function json(body, status = 200, headers = {}) {
  const given = { "Content-Type": "application/json", ...headers };
  return new Response(body === null ? null : JSON.stringify(body), { status, headers: given });
}

/**
 * Has two jobs, j1 and j2, that go through `states`: [seconds from the start, what changes]. A third entry marks a
 * change that is not pushed, and changes no record: a child has ended.
 */
export class Service {
  clock = new Clock();
  requests = []; // all that came, answered or not
  faults = []; // functions (request, proceed) that answer in place of the service, once each
  sockets = [];
  tickets = 0;
  pushes = true;
  submitted = new Map(); // Idempotency-Key → body
  retried = 0;
  erased = false;
  ignored = 0; // subscribes that API Gateway cannot hand on
  uploaded = [];
  events = [];
  history = [];

  constructor(states = [[0, { status: "succeeded" }]]) {
    this.begin(states);
  }

  begin(states) {
    const began = this.clock.time;
    let updated_at;
    this.history = states.map(([seconds, changes, isQuiet], index) => {
      const at = began + seconds * 1_000;
      if (!isQuiet) updated_at = new Date(at).toISOString();
      return { at, isQuiet, tag: `"${this.retried}-${index}"`, job: { ...JOB, updated_at, ...changes } };
    });
  }

  client(options = {}) {
    const { now, sleep } = this.clock;
    const service = this;
    const WebSocket = class extends FakeSocket {
      constructor(url) {
        super(service, url);
      }
    };
    return new Client(URL_OF_SERVICE, {
      ...{ fetch: this.fetch, now, sleep, random: () => 0.5, WebSocket },
      ...options,
    });
  }

  get state() {
    return this.history.findLast((one) => one.at <= this.clock.time) ?? this.history[0];
  }

  /** "GET /jobs/j1" and the like, as often as they came. */
  count(call) {
    return this.requests.filter((one) => `${one.method} ${one.path}` === call).length;
  }

  fetch = async (url, init = {}) => {
    const path = url.startsWith(URL_OF_SERVICE) ? url.slice(URL_OF_SERVICE.length) : url;
    const request = { method: init.method ?? "GET", path, at: this.clock.time };
    request.headers = new Headers(init.headers);
    request.body = init.body;
    this.requests.push(request);
    await setImmediate();
    init.signal?.throwIfAborted();
    const fault = this.faults.shift();
    return fault ? fault(request, () => this.answer(request)) : this.answer(request);
  };

  answer({ method, path, headers, body }) {
    const [route, search] = path.replace(/j2/, "j1").split("?");
    if (path.includes("j2")) return this.job(200, { id: "j2" });
    const sent = typeof body === "string" ? JSON.parse(body) : body;
    switch (`${method} ${route}`) {
      case "POST /jobs": {
        const key = headers.get("Idempotency-Key");
        if (!this.submitted.has(key)) this.submitted.set(key, sent);
        return this.job(202);
      }
      case "GET /jobs/j1":
        return headers.get("If-None-Match") === this.state.tag ? this.job(304) : this.job(200);
      case "GET /jobs/j1/result":
        return json({ rows: 3 });
      case "GET /jobs/j1/events": {
        const first = Number(new URLSearchParams(search).get("cursor") ?? 0);
        const next = this.events.length > first + 2 ? `http://elsewhere/?cursor=${first + 2}` : null;
        return json({ events: this.events.slice(first, first + 2), next });
      }
      case "POST /jobs/j1/retry":
        if (headers.get("If-Match") !== this.state.tag) return problem(412, "job-changed");
        this.retried++;
        this.begin([[0, { status: "queued" }], [1, { status: "failed" }]]);
        return this.job(202);
      case "DELETE /jobs/j1":
        if (this.erased) return problem(404, "not-found");
        this.erased = true;
        return new Response(null, { status: 204 });
      case "POST /uploads": {
        const fields = { "Content-Type": "text/csv", "Content-Length": "3", "If-None-Match": "*" };
        const upload = { method: "PUT", url: BUCKET, headers: fields };
        return json({ id: `upload:${this.count("POST /uploads")}`, upload }, 201);
      }
      case `PUT ${BUCKET}`:
        this.uploaded.push({ body, headers });
        return new Response(null, { status: 200 });
      case "POST /tickets":
        if (!this.pushes) return problem(404, "not-found");
        return json({ ticket: `t${++this.tickets}`, url: "wss://push.example.com/prod" }, 201);
      default:
        return problem(404, "not-found");
    }
  }

  job(status, changes = {}) {
    const { tag } = this.state;
    const job = { ...this.state.job, ...changes };
    const headers = { ETag: tag, ...(job.finished_at ? {} : { "Retry-After": "2" }) };
    return json(status === 304 ? null : job, status, headers);
  }
}

export const JOB = {
  ...{ id: "j1", task: "report", status: "queued", params: { source: "upload:1" }, result: null },
  ...{ artifacts: [], error: null, progress: null },
};

/** The service's end of a WebSocket, and the client's. It tells of each state when it begins. */
class FakeSocket {
  readyState = 0;
  said = [];

  constructor(service, url) {
    this.service = service;
    this.url = url;
    service.sockets.push(this);
    setImmediate().then(() => {
      if (this.readyState !== 0) return;
      this.readyState = 1;
      this.onopen?.();
    });
  }

  async send(text) {
    const message = JSON.parse(text);
    this.said.push(message);
    if (message.action !== "subscribe" || this.mute) return;
    const { service } = this;
    await setImmediate();
    if (service.ignored-- > 0) return this.onmessage({ data: '{"message": "Internal server error"}' });
    this.push({ ...service.state.job, id: message.job });
    for (const one of service.history.filter(({ at }) => at > service.clock.time)) {
      await service.clock.sleep(one.at - service.clock.time);
      if (!this.mute && !one.isQuiet) this.push({ ...one.job, id: message.job });
    }
  }

  push(job) {
    if (this.readyState !== 1) return;
    const { children, ...told } = job;
    const shown = { ...told, params: null, result: null };
    this.onmessage?.({ data: JSON.stringify({ type: "job.updated", job: shown }) });
  }

  close() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    setImmediate().then(() => this.onclose?.());
  }
}

/** Faults for `Service.faults`. */
export const cut = () => {
  throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
};
export const lost = (_, proceed) => (proceed(), cut());
export const answers = (status, headers) => () => problem(status, "told-to", headers);

export async function collect(iterator) {
  const all = [];
  for await (const one of iterator) all.push(one);
  return all;
}
