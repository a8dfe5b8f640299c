// Every export, used as TypeScript users use it.
import {
  Client,
  JobCanceled,
  JobFailed,
  JobHandle,
  JobNotSucceeded,
  OvertimeError,
  Refused,
  Unreachable,
  type Abortable,
  type Artifact,
  type ClientOptions,
  type Job,
  type JobEvent,
  type Problem,
  type Schedule,
  type SchedulePlan,
  type Schedules,
  type Status,
  type SubmitOptions,
  type TaggedSchedule,
  type Task,
  type UploadProgress,
  type WaitOptions,
} from "overtime-client";

interface Report {
  rows: number;
}

const options: ClientOptions = {
  token: async () => "t",
  patience: 30,
  push: true,
  WebSocket,
  fetch,
  now: Date.now,
  random: Math.random,
  sleep: (ms: number, signal?: AbortSignal) => new Promise((resolve) => setTimeout(resolve, ms, signal)),
};

export async function everything(file: File): Promise<number> {
  const client: Client = new Client(new URL("https://jobs.example.com"), options);
  const abortable: Abortable = { signal: AbortSignal.timeout(60_000) };
  const submitting: SubmitOptions = {
    ...abortable,
    files: { source: file, others: [file] },
    onUpload: ({ name, loaded, total }: UploadProgress) => console.log(name, loaded / total),
    idempotencyKey: "one",
    runAt: new Date(),
    cancelAfter: "5m",
    webhook: { url: "https://example.com", events: ["failed"] },
  };
  const handle: JobHandle = await client.submit("report", { metrics: ["count"] }, submitting);
  for await (const job of handle.updates(abortable)) {
    const status: Status = job.status;
    const percent: number | undefined = job.progress?.percent;
    console.log(status, percent, job.error?.message, handle.job?.updated_at, handle.client.url);
  }
  const waiting: WaitOptions = { ...abortable, onProgress: (job: Job) => console.log(job.status) };
  const last: Job = await handle.wait(waiting);
  const { rows } = await handle.result<Report>(waiting);
  const again = await client.run<Report>("report", { source: await client.upload(file) }, waiting);
  const artifacts: Artifact[] = await handle.artifacts();
  for (const one of artifacts) console.log(one.name, one.size, await (await one.download()).blob());
  for await (const event of handle.events({ follow: true })) show(event);
  for await (const job of client.jobs({ status: "failed", task: "report", limit: 100 })) console.log(job.id);
  const tasks: Task[] = await client.tasks();
  console.log(tasks.map((task) => task.params["$defs"]), last.result);
  for await (const one of handle.children({ status: "failed", limit: 100 })) console.log(one.parent === handle.id);
  console.log(last.children?.failed, last.waits_for?.children);
  const known = client.job(handle.id);
  await known.cancel();
  await known.retry();
  await known.refresh();
  await known.erase();
  return rows + again.rows;
}

export async function nightly(schedules: Schedules): Promise<string[]> {
  const plan: SchedulePlan = { cron: "30 2 * * *", timezone: "Europe/Berlin", task: "fetch", params: {} };
  await schedules.put("nightly", plan);
  const read: TaggedSchedule = await schedules.get("nightly");
  const { etag } = await schedules.put("nightly", { ...read, paused: true });
  await schedules.delete("nightly", { etag });
  const all: Schedule[] = [];
  for await (const one of schedules.list({ limit: 100 })) all.push(one);
  return all.flatMap((one) => one.next);
}

function show(event: JobEvent): void {
  console.log(event.at, event.type, event.verb, event.message, event.error?.detail);
}

export function explain(error: unknown): string {
  if (error instanceof Refused) return `${error.status} ${error.problem.type} ${error.retryAfter}`;
  if (error instanceof Unreachable) return `${error.message} ${error.idempotencyKey}`;
  if (error instanceof JobCanceled) return error.job.id;
  if (error instanceof JobFailed || error instanceof JobNotSucceeded) return error.job.error?.detail ?? "";
  const problem: Problem | null = error instanceof OvertimeError ? error.problem : null;
  return problem?.errors?.map((fault) => fault.pointer).join() ?? "";
}

// @ts-expect-error: handles come from a client
export const made = new JobHandle();
// @ts-expect-error: a schedule needs a task
export const plan: SchedulePlan = { cron: "30 2 * * *" };
// @ts-expect-error: there is no such status
export const jobs = new Client("https://jobs.example.com").jobs({ status: "done" });
