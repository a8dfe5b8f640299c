/**
 * The JavaScript client of Overtime, for browsers and Node 20. overtime.d.ts says what each method does.
 *
 *     OvertimeError          `problem`: the problem document (RFC 9457), if there is one
 *     ├── Refused            the service refused the request
 *     ├── Unreachable        no answer came, though the request was repeated
 *     └── JobNotSucceeded    `job`: its last state
 *         ├── JobFailed
 *         └── JobCanceled
 */

const FINAL = new Set(["succeeded", "failed", "canceled"]);
const REPEAT = new Set([429, 502, 503, 504]);
const REPEAT_AT_S3 = new Set([409, 500, ...REPEAT]); // 409: the same upload is still being written
const [SHORTEST_PAUSE, LONGEST_PAUSE] = [500, 20_000]; // ms; doubled by each failure
const ANSWER_WITHIN = 40_000; // ms; API Gateway answers within 29 s
const FIRST_PATIENCE = 10_000; // ms, until the first answer shows that the URL is right
const QUIET = 30_000; // ms between reads while push works: push may miss a change
const LOG_PAUSE = 3_000; // ms between reads of new events

export class OvertimeError extends Error {
  constructor(message, { problem = null, cause } = {}) {
    super(message, { cause });
    this.name = new.target.name;
    this.problem = problem;
  }
}

export class Refused extends OvertimeError {
  constructor(problem, retryAfter = null) {
    const faults = (problem.errors ?? []).map((one) => `\n  ${one.pointer}: ${one.detail}`);
    super(`${problem.title}: ${problem.detail}${faults.join("")}`, { problem });
    this.status = problem.status;
    this.retryAfter = retryAfter;
  }
}

export class JobNotSucceeded extends OvertimeError {
  constructor(job) {
    super(`Job ${job.id} (${job.task}) ${job.status}: ${job.error?.message ?? "no result."}`, { problem: job.error });
    this.job = job;
  }
}

export class Unreachable extends OvertimeError {}
export class JobFailed extends JobNotSucceeded {}
export class JobCanceled extends JobNotSucceeded {}

export class Client {
  constructor(url, options = {}) {
    this.url = String(url).replace(/\/+$/, "");
    if (!/^https?:\/\/[^/]/.test(this.url)) {
      throw new TypeError(`The service's URL must begin with http:// or https://, not "${url}".`);
    }
    this._token = options.token;
    this._fetch = options.fetch ?? ((url, request) => globalThis.fetch(url, request));
    this._patience = (options.patience ?? 60) * 1_000;
    this._now = options.now ?? Date.now;
    this._random = options.random ?? Math.random;
    this._sleep = options.sleep ?? sleep;
    this.schedules = new Schedules(this);
    this._push = new Push(this, options.push !== false && (options.WebSocket ?? globalThis.WebSocket));
  }

  async submit(task, params, options = {}) {
    const { files = {}, runAt, webhook, cancelAfter, onUpload, signal } = options;
    const body = { task, params, webhook };
    if (runAt) body.run_at = runAt instanceof Date ? runAt.toISOString() : runAt;
    for (const [name, given] of Object.entries(files)) {
      const ids = [];
      for (const file of [given].flat()) {
        const onProgress = onUpload && ((loaded, total) => onUpload({ name, file, loaded, total }));
        ids.push(await this.upload(file, { onProgress, signal }));
      }
      body.params = { ...body.params, [name]: Array.isArray(given) ? ids : ids[0] };
    }
    const idempotencyKey = options.idempotencyKey ?? randomKey();
    const headers = { "Idempotency-Key": `"${idempotencyKey.replace(/["\\]/g, "\\$&")}"` };
    if (cancelAfter) headers["Cancel-After"] = cancelAfter;
    try {
      const { json, etag } = await this._ask("POST", "/jobs", { body, headers, signal });
      return new JobHandle(this, json.id, json, etag);
    } catch (error) {
      throw error instanceof OvertimeError ? Object.assign(error, { idempotencyKey }) : error;
    }
  }

  async upload(file, { onProgress, signal } = {}) {
    if (!(file instanceof Blob)) throw new TypeError(`A file must be a File or a Blob, not ${file}.`);
    const body = { filename: (file["name"] ?? "").slice(-255), content_type: file.type, size: file.size };
    const { id, upload } = (await this._ask("POST", "/uploads", { body, signal })).json;
    const { "Content-Length": _, ...headers } = upload.headers; // only the browser may set it
    onProgress?.(0, file.size);
    const send = onProgress && globalThis.XMLHttpRequest ? putWithProgress(onProgress) : this._fetch;
    const options = { headers, body: file, signal, stream: true, send, done: [412] }; // 412: it is there already
    await this._send("PUT", upload.url, options);
    onProgress?.(file.size, file.size);
    return id;
  }

  async run(task, params, options = {}) { return (await this.submit(task, params, options)).result(options); }
  job(id) { return new JobHandle(this, id); }
  jobs(filter = {}) { return this._pages("/jobs", "jobs", filter); }
  async tasks({ signal } = {}) { return (await this._ask("GET", "/tasks", { signal })).json.tasks; }

  async *_pages(path, member, { signal, ...filter }) {
    for (let cursor; ; ) {
      const { json } = await this._ask("GET", path + query({ ...filter, cursor }), { signal });
      yield* json[member];
      if (!(cursor = cursorOf(json.next))) return;
    }
  }

  /** Calls the API. `json` is undefined after a 204, a 304 and a status in `done`. */
  async _ask(method, path, { body, headers, ifMatch, signal, done } = {}) {
    const text = JSON.stringify(body); // undefined without a body
    const fields = { ...headers, ...(text && { "Content-Type": "application/json" }) };
    if (ifMatch) fields["If-Match"] = ifMatch;
    const answer = await this._send(method, this.url + path, { headers: fields, body: text, signal, done });
    if (answer.json !== undefined || answer.status === 204 || answer.status >= 300) return answer;
    throw refusal(method, this.url + path, answer);
  }

  /**
   * Repeats a request until it is answered or patience ends. `done`: statuses which mean that an
   * earlier attempt, whose answer was lost, has done it. `stream` leaves the body of a success unread.
   */
  async _send(method, url, { headers, body, signal, done = [], stream = false, send = this._fetch }) {
    const isOurs = url.startsWith(`${this.url}/`);
    const began = this._now();
    for (let failures = 0, lost = false; ; failures++) {
      const fields = new Headers(headers);
      const token = isOurs && (typeof this._token === "function" ? await this._token() : this._token);
      if (token) fields.set("Authorization", `Bearer ${token}`);
      let failure, pause = this._backoff(failures);
      try {
        const limits = [signal, stream ? null : AbortSignal.timeout(ANSWER_WITHIN)].filter(Boolean);
        const response = await send(url, { method, headers: fields, body, signal: AbortSignal.any(limits) });
        if (stream && response.ok) return response;
        const answer = await read(response);
        this._reached = true; // the URL is right
        if (answer.status < 400 || (lost && done.includes(answer.status))) return answer;
        failure = refusal(method, url, answer);
        if (!(isOurs ? REPEAT : REPEAT_AT_S3).has(answer.status)) throw failure;
        lost ||= answer.status !== 429; // a throttled request was not carried out
        pause = Math.max(pause, (answer.retryAfter ?? 0) * 1_000);
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof Refused) throw error;
        lost = true;
        failure = unreachable(method, url, error);
      }
      const patience = this._reached ? this._patience : Math.min(this._patience, FIRST_PATIENCE);
      if (this._now() - began + pause > patience) throw failure;
      await this._sleep(pause, signal);
    }
  }

  /** Full jitter: clients that failed together do not come back together. */
  _backoff(failures) { return this._random() * Math.min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** failures); }
}

export class JobHandle {
  constructor(client, id, job = null, etag = null) {
    this.client = client;
    this.id = id;
    this.job = job;
    this._etag = etag;
    this._path = `/jobs/${encodeURIComponent(id)}`;
  }

  async refresh({ signal } = {}) {
    await this._read(signal);
    return this.job;
  }

  /** Polls, seldom while push works. Both only bring states here; what is shown is decided once. */
  async *updates({ signal } = {}) {
    const { _now: now, _push: push, _sleep: pause } = this.client;
    let shown, watch, woken;
    let due = 0; // when to read next
    const told = (job) => {
      due = job && this._learn(job) ? now() + QUIET : 0;
      woken?.abort();
    };
    try {
      for (;;) {
        if (now() >= due) {
          const inSilence = due > 0 && push.live.has(this.id) && !this.job.children?.live; // counts are not pushed
          const known = this.job;
          due = Infinity; // a message that comes meanwhile may set it to 0
          const after = await this._read(signal);
          due = Math.min(due, now() + (watch?.isLive() ? QUIET : after));
          if (inSilence && this.job !== known) push.drop?.(); // it should have told this
        }
        if (this.job !== shown) yield (shown = this.job);
        if (FINAL.has(shown.status)) return;
        watch ??= push.watch(this.id, told);
        if (this.job === shown && now() < due) {
          const until = AbortSignal.any([(woken = new AbortController()).signal, signal].filter(Boolean));
          await pause(due - now(), until).catch(() => signal?.throwIfAborted());
        }
      }
    } finally {
      watch?.stop();
    }
  }

  async wait({ onProgress, signal } = {}) {
    let last;
    for await (last of this.updates({ signal })) onProgress?.(last);
    return last;
  }

  async result({ onProgress, signal } = {}) {
    const job = await this.wait({ onProgress, signal });
    if (job.status === "failed") throw new JobFailed(job);
    if (job.status === "canceled") throw new JobCanceled(job);
    if (job.result !== null) return job.result;
    return (await this.client._ask("GET", `${this._path}/result`, { signal })).json;
  }

  async artifacts({ signal } = {}) {
    const base = `${this.client.url}${this._path}/artifacts/`;
    return (await this.refresh({ signal })).artifacts.map((one) => ({
      ...one,
      download: ({ signal } = {}) => this.client._send("GET", base + one.name, { signal, stream: true }),
    }));
  }

  async *events({ follow = false, signal } = {}) {
    let shown = new Set(); // of the last page, which grows
    for (let cursor, finished = !follow; ; ) {
      const { json } = await this.client._ask("GET", this._path + "/events" + query({ limit: 100, cursor }), { signal });
      const page = new Set();
      for (const event of json.events) {
        let key = JSON.stringify(event);
        while (page.has(key)) key += "+"; // the same line may be there twice
        page.add(key);
        if (!shown.has(key)) yield event;
      }
      shown = json.next ? new Set() : page;
      cursor = cursorOf(json.next) ?? cursor;
      if (json.next) continue;
      if (finished) return;
      finished = FINAL.has((await this.refresh({ signal })).status);
      if (!finished) await this.client._sleep(LOG_PAUSE, signal);
    }
  }

  children(filter = {}) { return this.client._pages(`${this._path}/children`, "jobs", filter); }
  async cancel({ signal } = {}) { return this._post("/cancel", { signal }); }
  async erase({ signal } = {}) { await this.client._ask("DELETE", this._path, { signal, done: [404] }); }

  async retry({ signal } = {}) {
    await this._read(signal);
    return this._post("/retry", { ifMatch: this._etag, signal, done: [409, 412] });
  }

  async answer(step, body, { signal } = {}) {
    await this.client._ask("POST", `${this._path}/answers/${encodeURIComponent(step)}`, { body, signal });
  }

  async _post(path, options) {
    const before = this.job;
    const { status, json, etag } = await this.client._ask("POST", this._path + path, options);
    if (status >= 400) return this.refresh(options); // an attempt without an answer has done it
    this._learn(json, { etag, before });
    return this.job;
  }

  /** Reads the job unless it is as known. Returns the ms until another read is worth it. */
  async _read(signal) {
    const before = this.job;
    const headers = this._etag ? { "If-None-Match": this._etag } : {};
    const { json, etag, retryAfter } = await this.client._ask("GET", this._path, { headers, signal });
    if (json) this._learn(json, { etag, before });
    return (retryAfter || 1) * 1_000;
  }

  /**
   * Keeps a state that is newer than the known one. An answer is newer than what was known when its
   * request was sent; messages go by `updated_at`. False: only a read can tell what this message means.
   */
  _learn(job, answer = null) {
    const known = this.job;
    if (!answer) {
      if (!known || known.children || job.wait_reason === "children" || FINAL.has(job.status)) return false;
      if (job.updated_at === known.updated_at) return looksOf(job) === looksOf(known);
      job = { ...job, params: known.params };
    }
    if (known && answer?.before !== known && job.updated_at <= known.updated_at) return true;
    this._etag = answer?.etag ?? null;
    if (!known || looksOf(job) !== looksOf(known)) this.job = job;
    return true;
  }
}

/** `client.schedules`: a schedule that was read has the `etag` under which it can be changed. */
class Schedules {
  constructor(client) { this._client = client; }
  list(options = {}) { return this._client._pages("/schedules", "schedules", options); }
  async get(name, { signal } = {}) { return this._ask("GET", name, { signal }); }
  async delete(name, { etag, signal } = {}) { await this._ask("DELETE", name, { etag, signal, done: [404] }); }

  async put(name, plan, { signal } = {}) {
    const { etag, name: _, declared, next, last_job, missed, created_at, updated_at, links, ...body } = plan;
    return this._ask("PUT", name, { body, etag, signal });
  }

  async _ask(method, name, { etag: ifMatch, ...options } = {}) {
    const path = `/schedules/${encodeURIComponent(name)}`;
    const { json, etag } = await this._client._ask(method, path, { ...options, ifMatch });
    return { ...json, etag };
  }
}

/** One WebSocket for all jobs that a client watches, while it watches any. Polling goes on beside it. */
class Push {
  constructor(client, WebSocket) {
    this.client = client;
    this.WebSocket = WebSocket; // nothing if there is none, or the service does not push
    this.watchers = new Map(); // job id → functions to call
    this.live = new Set(); // the jobs whose changes come
    this.running = this.socket = this.drop = null; // `drop` ends the connection
  }

  /** Calls `tell` with each state that comes, and with none when only a read can tell. */
  watch(id, tell) {
    this.watchers.set(id, (this.watchers.get(id) ?? new Set()).add(tell));
    const isLive = () => this.live.has(id) || this.say("subscribe", id); // or try once more
    if (!this.running && this.WebSocket) this.run();
    else isLive();
    const stop = () => {
      this.watchers.get(id).delete(tell);
      if (this.watchers.get(id).size) return;
      this.watchers.delete(id);
      if (this.live.delete(id)) this.say("unsubscribe", id);
      if (this.watchers.size) return;
      this.running?.abort();
      this.drop?.();
      this.running = null;
    };
    return { isLive, stop };
  }

  say(action, job) {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify({ action, job }));
    return false;
  }

  /** Connects, and connects again, until nothing is watched or the service turns out not to push. */
  async run() {
    const { signal } = (this.running = new AbortController());
    for (let failures = 0; !signal.aborted && this.WebSocket; failures++) {
      try {
        const { json } = await this.client._ask("POST", "/tickets", { signal });
        if (json.host) this.WebSocket = null; // AppSync speaks a protocol of its own
        else if (await this.converse(json)) failures = 0;
      } catch (error) {
        if (error.status === 404) this.WebSocket = null;
      }
      if (this.WebSocket) await this.client._sleep(this.client._backoff(failures), signal).catch(() => {});
    }
  }

  /** Resolves when the connection has ended, to whether any message came. */
  converse({ ticket, url }) {
    return new Promise((resolve) => {
      const socket = new this.WebSocket(`${url}?ticket=${encodeURIComponent(ticket)}`);
      let heard = false;
      const end = () => {
        if (this.socket !== socket) return;
        this.socket = this.drop = null;
        socket.close();
        const lost = [...this.live];
        this.live.clear();
        for (const id of lost) this.watchers.get(id)?.forEach((tell) => tell());
        resolve(heard);
      };
      Object.assign(this, { socket, drop: end });
      socket.onopen = () => [...this.watchers.keys()].forEach((id) => this.say("subscribe", id));
      socket.onclose = socket.onerror = end;
      socket.onmessage = ({ data }) => {
        if (this.socket !== socket) return;
        const { type, job } = JSON.parse(data);
        heard ||= type !== undefined; // without a type it is API Gateway's, which failed
        if (type !== "job.updated" || !this.watchers.has(job.id)) return; // the job is polled
        this.live.add(job.id);
        this.watchers.get(job.id).forEach((tell) => tell(job));
      };
    });
  }
}

/** What a job looks like but for params and result, which messages leave out. */
const looksOf = ({ params, result, ...rest }) => JSON.stringify(rest);

/** A response with its body: a connection that is cut within the body has given no answer. */
async function read(response) {
  const kind = response.headers.get("Content-Type") ?? "no content";
  const text = await response.text();
  const json = /[/+]json/.test(kind) && text ? JSON.parse(text) : undefined;
  const retryAfter = Number(response.headers.get("Retry-After")) || null; // seconds
  return { status: response.status, kind, json, etag: response.headers.get("ETag"), retryAfter };
}

function refusal(method, url, { status, kind, json, retryAfter }) {
  const said = `answered ${status} with ${kind}, not as Overtime does. Check the URL.`;
  const detail = `${method} ${url.split("?")[0]} ${said}`; // a query may hold a signature
  const unknown = { type: "about:blank", title: "Unexpected answer", status, detail };
  return new Refused(json?.title ? { ...unknown, ...json } : unknown, retryAfter);
}

function unreachable(method, url, cause) {
  const why = `no answer (${cause.cause?.code || cause.cause?.message || cause.message})`;
  return new Unreachable(`${method} ${url.split("?")[0]}: ${why}. Check the URL and the network.`, { cause });
}

/** A stand-in for fetch that tells how far an upload is, which fetch cannot. */
const putWithProgress = (onProgress) => (url, { method, headers, body, signal }) =>
  new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    headers.forEach((value, name) => xhr.setRequestHeader(name, value));
    xhr.upload.onprogress = ({ loaded }) => onProgress(loaded, body.size);
    xhr.onload = () => resolve(new Response(xhr.responseText || null, { status: xhr.status }));
    xhr.onerror = xhr.onabort = () => reject(signal.reason ?? new TypeError("the connection was cut"));
    signal.addEventListener("abort", () => xhr.abort());
    xhr.send(body);
  });

function query(parts) {
  const given = Object.entries(parts).filter(([, value]) => value !== undefined);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/** The service may name itself by another URL than the one that this client calls. */
const cursorOf = (next) => (next ? new URL(next).searchParams.get("cursor") : undefined);

const randomKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-"); // randomUUID wants https

/** Resolves after so many ms. Rejects with the signal's reason. */
const sleep = (ms, signal) =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const abort = () => (clearTimeout(timer), reject(signal.reason));
    const timer = setTimeout(() => (signal?.removeEventListener("abort", abort), resolve()), ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
