// What a client's code looks like with the types that are made of openapi.json.
import type { components, paths } from "./api";

type Job = components["schemas"]["JobView"];
type Submit = paths["/jobs"]["post"]["requestBody"]["content"]["application/json"];

export const square: Submit = { task: "two-d.square", params: { width: 2 } };
export const cube: Submit = { task: "two-d-square", params: { edge: 1.5 } };
export const nothing: Submit = { task: "nothing" };

// @ts-expect-error: these are the params of the other task
export const mistaken: Submit = { task: "two-d.square", params: { edge: 1.5 } };

export function failure(job: Job): string | undefined {
  return job.status === "failed" ? job.error?.message : undefined;
}

type Schedule = components["schemas"]["ScheduleView"];
type Plan = paths["/schedules/{schedule}"]["put"]["requestBody"]["content"]["application/json"];
type Children = paths["/jobs/{job_id}/children"]["get"];

export const nightly: Plan = { cron: "30 2 * * *", task: "two-d.square", params: { width: 2 } };
export const failed: Children["parameters"]["query"] = { status: "failed", limit: 100 };
export const ifUnchanged: paths["/schedules/{schedule}"]["put"]["parameters"]["header"] = { "If-Match": '"1"' };
export const answer: paths["/jobs/{job_id}/answers/{step}"]["post"]["requestBody"] = { content: { "application/json": true } };

// @ts-expect-error: a schedule runs a task
export const idle: Plan = { cron: "30 2 * * *" };
// @ts-expect-error: children have the statuses of jobs
export const done: Children["parameters"]["query"] = { status: "done" };

export function waits(job: Job): string[] {
  const questions = job.waits_for?.answers ?? [];
  const asked = questions.map((one) => `${one.step}: ${one.prompt} ${one.url} ${one.expires_at} ${Object.keys(one.schema)}`);
  const counts = job.children ? [`${job.children.live} of ${job.children.total}, ${job.children.failed} failed`] : [];
  return [...asked, ...counts, job.waits_for?.until ?? "", `${job.waits_for?.children ?? 0}`, job.parent ?? ""];
}

export function ids(page: Children["responses"][200]["content"]["application/json"]): string[] {
  return page.jobs.map((job: Job) => job.id);
}

export function moments({ next, missed, declared, last_job, overlap, paused, links }: Schedule): string {
  return `${next.join()} ${missed} ${declared} ${last_job ?? links.last_job ?? ""} ${overlap === "skip"} ${paused}`;
}
