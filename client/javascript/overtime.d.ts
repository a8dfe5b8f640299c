/** Types of the JavaScript client of Overtime: what `overtime.js` exports. */

export type Status = "queued" | "running" | "succeeded" | "failed" | "canceled";

/** A problem document (RFC 9457). `type` is stable: `/problems/<slug>`. */
export interface Problem {
  type: string;
  title: string;
  detail: string;
  status?: number;
  /** The faults of a request's body, each with a JSON Pointer to its place. */
  errors?: { pointer: string; detail: string }[];
  /** Why the job failed, where the problem is that a job did not succeed. */
  error?: Problem | null;
  code?: string;
  message?: string;
  request_id?: string;
}

/** A job, as `GET /jobs/{id}` shows it. Times are RFC 3339 in UTC. */
export interface Job {
  id: string;
  task: string;
  status: Status;
  /** Why a queued job waits. */
  wait_reason: string | null;
  /** What it waits for: so many children, an answer to one of these questions, or a time. */
  waits_for: { children?: number; answers?: Question[]; until?: string } | null;
  /** The id of the job whose child this one is. */
  parent: string | null;
  /** null without children. Lists and push leave it out. */
  children?: { total: number; live: number; succeeded: number; failed: number; canceled: number } | null;
  progress: { percent: number; message: string } | null;
  /** null in lists, and when over 4 KiB. */
  params: unknown;
  /** null in lists, and when over 32 KiB: use `JobHandle.result()`. */
  result: unknown;
  artifacts: { name: string; content_type: string; size: number; url: string }[];
  error: Problem | null;
  attempt: number;
  max_attempts: number;
  cancel_requested: boolean;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  updated_at: string;
  next_attempt_at: string | null;
  deadline: string;
  expires_at: string | null;
  links: Record<string, string>;
}

/** What a job asks. `JobHandle.answer` answers it. */
export interface Question {
  step: string;
  prompt: string;
  /** JSON Schema of the answer. */
  schema: Record<string, unknown>;
  url: string;
  expires_at: string;
}

/** An entry of a job's history. */
export interface JobEvent {
  at: string;
  type: "transition" | "log" | "webhook";
  run?: number;
  attempt?: number;
  verb?: string;
  status?: Status;
  error?: Problem;
  left_out?: number;
  message?: string;
}

/** A task, with JSON Schemas (2020-12) of its params and result. */
export interface Task {
  name: string;
  description: string;
  params: Record<string, unknown>;
  result: Record<string, unknown>;
  max_attempts: number;
  /** In seconds, all attempts included. */
  timeout: number;
  /** JSON Schemas of the answers that it may ask for, by step. */
  asks: Record<string, Record<string, unknown>>;
}

/** What a schedule does: it submits a job of `task` at each moment of `cron`, on the clock of `timezone`. */
export interface SchedulePlan {
  /** Minute, hour, day of the month, month, day of the week: `30 2 * * *`. */
  cron: string;
  /** An IANA name. Default: `UTC`. */
  timezone?: string;
  task: string;
  params?: object;
  /** What happens to a job whose predecessor still runs: it is canceled (the default), or runs too. */
  overlap?: "skip" | "allow";
  paused?: boolean;
}

/** A schedule, as the service shows it. */
export interface Schedule extends Required<SchedulePlan> {
  name: string;
  /** By the service's code: it cannot be changed by a client. */
  declared: boolean;
  /** The next moments, at most five. */
  next: string[];
  /** The id of the latest job. */
  last_job: string | null;
  /** Moments without a job: the stage stood still. */
  missed: number;
  created_at: string;
  updated_at: string;
  links: Record<string, string>;
}

/** A schedule that was read alone has the tag of its state. */
export interface TaggedSchedule extends Schedule {
  etag: string;
}

/** `client.schedules`. */
export interface Schedules {
  /** Yours, by name. `limit` is the size of a page. */
  list(options?: Abortable & { limit?: number }): AsyncGenerator<Schedule, void, undefined>;
  get(name: string, options?: Abortable): Promise<TaggedSchedule>;
  /**
   * Creates the schedule, or replaces it. With the `etag` of a schedule that was read, it is refused with
   * 412 if the schedule has been changed since: `put(name, { ...schedule, paused: true })`.
   */
  put(name: string, plan: (SchedulePlan | Schedule) & { etag?: string }, options?: Abortable): Promise<TaggedSchedule>;
  /** A job of it that has not started will not start. With an `etag` only if the schedule has not been changed since. */
  delete(name: string, options?: Abortable & { etag?: string }): Promise<void>;
}

/** A file that a job attached. */
export interface Artifact {
  name: string;
  content_type: string;
  /** In bytes. */
  size: number;
  url: string;
  /** Fetches the file; read it by `.blob()`, `.text()` or `.body`. */
  download(options?: Abortable): Promise<Response>;
}

export interface Abortable {
  /** Ends the call with the signal's reason. What the service has begun goes on. */
  signal?: AbortSignal;
}

export interface ClientOptions {
  /** A token, or a function that returns one; it is called for each request. */
  token?: string | (() => string | Promise<string>);
  /** For how many seconds a request is repeated while no answer comes, or 429 or 503. Default: 60. */
  patience?: number;
  /** false: only poll. */
  push?: boolean;
  /** The class of WebSockets, where there is no global one (Node 20). */
  WebSocket?: typeof WebSocket | (new (url: string) => WebSocket);
  fetch?: typeof fetch;
  /** The time in milliseconds. */
  now?: () => number;
  /** A number from 0 to 1. */
  random?: () => number;
  /** Resolves after so many milliseconds; rejects with the signal's reason. */
  sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface UploadProgress {
  /** The name of the param. */
  name: string;
  file: Blob;
  /** In bytes. It begins again at 0 where an upload is repeated. */
  loaded: number;
  total: number;
}

export interface SubmitOptions extends Abortable {
  /** Files to upload, by the names of the params that take their ids. */
  files?: Record<string, Blob | Blob[]>;
  onUpload?: (progress: UploadProgress) => void;
  /** The same key and body lead to the same job. Default: a random key. */
  idempotencyKey?: string;
  /** When to start: a Date, or RFC 3339. */
  runAt?: Date | string;
  /** A deadline, counted from now: `30s`, `5m`, `1h30m`. */
  cancelAfter?: string;
  webhook?: { url: string; events?: ("succeeded" | "failed" | "canceled")[] };
}

export interface WaitOptions extends Abortable {
  /** Called with each state of the job. */
  onProgress?: (job: Job) => void;
}

/** A stage of Overtime. */
export class Client {
  /** `url` is the stage's, as `https://jobs.example.com`. Throws TypeError where it is none. */
  constructor(url: string | URL, options?: ClientOptions);
  readonly url: string;
  readonly schedules: Schedules;
  /**
   * Uploads the files, then submits the job. An error carries the `idempotencyKey`: if you cannot
   * know whether the job was stored, submit the same params with this key once more.
   */
  submit(task: string, params?: object, options?: SubmitOptions): Promise<JobHandle>;
  /** Submits a job, waits for it and returns its result. */
  run<T = unknown>(task: string, params?: object, options?: SubmitOptions & WaitOptions): Promise<T>;
  /** Uploads one file. Returns the id to name it by in params. */
  upload(
    file: Blob,
    options?: Abortable & { onProgress?: (loaded: number, total: number) => void },
  ): Promise<string>;
  /** A handle of a job that exists. It makes no request. */
  job(id: string): JobHandle;
  /** Your jobs, newest first, without params and results. `limit` is the size of a page. */
  jobs(
    filter?: Abortable & { status?: Status; task?: string; limit?: number },
  ): AsyncGenerator<Job, void, undefined>;
  tasks(options?: Abortable): Promise<Task[]>;
}

/** A job of yours. `Client.submit` and `Client.job` make handles. */
export class JobHandle {
  private constructor();
  readonly client: Client;
  readonly id: string;
  /** The newest known state; null until it was read. */
  readonly job: Job | null;
  /** Reads the job from the service. */
  refresh(options?: Abortable): Promise<Job>;
  /** The job's state now and after each change, in order. Ends after a terminal state. */
  updates(options?: Abortable): AsyncGenerator<Job, void, undefined>;
  /** Waits until the job is finished, and returns it whatever its status is then. */
  wait(options?: WaitOptions): Promise<Job>;
  /** Waits for the result. Throws JobFailed or JobCanceled if there will be none. */
  result<T = unknown>(options?: WaitOptions): Promise<T>;
  artifacts(options?: Abortable): Promise<Artifact[]>;
  /** The history, oldest first. With `follow` it goes on until the job is finished. */
  events(options?: Abortable & { follow?: boolean }): AsyncGenerator<JobEvent, void, undefined>;
  /** Its children, in the order of their items, without params and results. */
  children(filter?: Abortable & { status?: Status; limit?: number }): AsyncGenerator<Job, void, undefined>;
  cancel(options?: Abortable): Promise<Job>;
  /** Runs a failed or canceled job again. */
  retry(options?: Abortable): Promise<Job>;
  /** Answers a question that the job asks; `waits_for` of the job shows it. */
  answer(step: string, value: unknown, options?: Abortable): Promise<void>;
  /** Deletes a finished job with its params, result, artifacts and events. */
  erase(options?: Abortable): Promise<void>;
}

/** The root of all errors of the client. */
export class OvertimeError extends Error {
  readonly problem: Problem | null;
  /** Of a submit that failed. */
  readonly idempotencyKey?: string;
}

/** The service refused the request. */
export class Refused extends OvertimeError {
  readonly problem: Problem;
  readonly status: number;
  /** Seconds to wait before the next try, if the service named them. */
  readonly retryAfter: number | null;
}

/** No answer came, though the request was repeated. `cause` is the last failure. */
export class Unreachable extends OvertimeError {}

/** The job finished without a result. */
export class JobNotSucceeded extends OvertimeError {
  readonly job: Job;
}
export class JobFailed extends JobNotSucceeded {}
export class JobCanceled extends JobNotSucceeded {}
