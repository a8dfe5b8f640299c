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
