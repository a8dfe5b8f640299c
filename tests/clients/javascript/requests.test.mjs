// One request at a time: what is repeated, what is refused, and what its error says.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { Client, JobCanceled, JobFailed, OvertimeError, Refused, Unreachable } from "overtime-client";
import { answers, collect, cut, json, lost, problem, Service, URL_OF_SERVICE } from "./service.mjs";

const seconds = (service, since) => (service.clock.time - since) / 1_000;
const csv = () => new File(["a,b"], "flights.csv", { type: "text/csv" });

test("a submit whose answer was lost leads to one job", async () => {
  const service = new Service();
  service.faults = [lost, lost];
  const handle = await service.client().submit("report", { metrics: [] });
  assert.equal(handle.id, "j1");
  assert.equal(service.count("POST /jobs"), 3);
  assert.deepEqual([...service.submitted.values()], [{ task: "report", params: { metrics: [] } }]);
});

test("two submits are two jobs unless they name the same key", async () => {
  const service = new Service();
  const client = service.client();
  await client.submit("report");
  await client.submit("report");
  await client.submit("report", {}, { idempotencyKey: 'a"key' });
  await client.submit("report", {}, { idempotencyKey: 'a"key' });
  assert.equal(service.submitted.size, 3);
  assert.ok(service.submitted.has('"a\\"key"'));
});

test("a submit sends all that it is given", async () => {
  const service = new Service();
  const webhook = { url: "https://example.com" };
  const runAt = new Date("2026-11-29T09:00:00Z");
  await service.client().submit("report", undefined, { runAt, webhook, cancelAfter: "5m" });
  const { headers, body } = service.requests[0];
  assert.deepEqual(JSON.parse(body), { task: "report", webhook, run_at: "2026-11-29T09:00:00.000Z" });
  assert.equal(headers.get("Cancel-After"), "5m");
});

for (const status of [429, 503]) {
  test(`a ${status} is repeated after the time that it names`, async () => {
    const service = new Service();
    service.faults = [answers(status, { "Retry-After": "7" })];
    const began = service.clock.time;
    await service.client().submit("report");
    assert.equal(seconds(service, began), 7);
  });
}

test("a request is repeated for as long as its patience, and its error has the key", async () => {
  const service = new Service();
  service.faults = Array(99).fill(answers(503));
  const began = service.clock.time;
  const submit = service.client({ patience: 30 }).submit("report");
  await assert.rejects(submit, (error) => {
    assert.ok(error instanceof Refused && error instanceof OvertimeError);
    assert.deepEqual([error.status, error.problem.type], [503, "/problems/told-to"]);
    assert.equal(`"${error.idempotencyKey}"`, service.requests[0].headers.get("Idempotency-Key"));
    return true;
  });
  assert.ok(seconds(service, began) > 15 && seconds(service, began) <= 30);
});

test("a wait that is longer than the patience is not begun", async () => {
  const service = new Service();
  service.faults = [answers(429, { "Retry-After": "600" })];
  await assert.rejects(service.client().tasks(), { status: 429, retryAfter: 600 });
  assert.equal(service.requests.length, 1);
});

test("a URL that never answered is given up sooner than a service that is known", async () => {
  const service = new Service();
  const client = service.client();
  for (const [most, first] of [[10, []], [60, [answers(503)]]]) {
    service.faults = [...first, ...Array(99).fill(cut)];
    const began = service.clock.time;
    await assert.rejects(client.tasks(), (error) => {
      assert.ok(error instanceof Unreachable);
      assert.match(error.message, /GET https:\/\/jobs.example.com\/prod\/tasks: no answer \(ECONNRESET\)/);
      return true;
    });
    assert.ok(seconds(service, began) > most / 2 && seconds(service, began) <= most);
  }
});

test("a refusal is not repeated, and names each fault", async () => {
  const service = new Service();
  const errors = [{ pointer: "/params/metrics", detail: "is missing" }];
  service.faults = [() => problem(422, "invalid-request", {}, { errors })];
  await assert.rejects(service.client().submit("report"), {
    name: "Refused",
    message: "invalid-request: Told.\n  /params/metrics: is missing",
  });
  assert.equal(service.requests.length, 1);
});

test("a fault of the service is not repeated", async () => {
  const service = new Service();
  service.faults = [answers(500)];
  await assert.rejects(service.client().submit("report"), { status: 500 });
  assert.equal(service.requests.length, 1);
});

test("an answer that is not Overtime's says so", async () => {
  for (const status of [200, 404]) {
    const service = new Service();
    const headers = { "Content-Type": "text/html" };
    service.faults = [() => new Response("<h1>Hello</h1>", { status, headers })];
    const message = /GET .*\/tasks answered \d+ with text\/html, not as Overtime does. Check the URL/;
    await assert.rejects(service.client().tasks(), { name: "Refused", status, message });
  }
});

test("an answer that ends too early counts as none", async () => {
  const service = new Service();
  service.faults = [() => new Response('{"tasks": [', { headers: { "Content-Type": "application/json" } })];
  await assert.rejects(service.client().tasks(), { status: 404 });
  assert.equal(service.count("GET /tasks"), 2);
});

test("a token that is a function is called for each request", async () => {
  const service = new Service();
  let calls = 0;
  service.faults = [cut];
  await service.client({ token: async () => `t${++calls}` }).submit("report");
  assert.deepEqual(service.requests.map((one) => one.headers.get("Authorization")), ["Bearer t1", "Bearer t2"]);
  const failing = service.client({ token: () => assert.fail("signed out") });
  await assert.rejects(failing.tasks(), { message: "signed out" });
  assert.equal(service.requests.length, 2);
});

test("what is no URL or no file is named at once", async () => {
  assert.throws(() => new Client("jobs.example.com"), { name: "TypeError", message: /https:\/\/, not "jobs/ });
  assert.equal(new Client(`${URL_OF_SERVICE}//`).url, URL_OF_SERVICE);
  const service = new Service();
  const submit = service.client().submit("report", {}, { files: { source: "a.csv" } });
  await assert.rejects(submit, { name: "TypeError", message: /a File or a Blob, not a.csv/ });
  assert.equal(service.requests.length, 0);
});

test("files are uploaded before the job, and params name them", async () => {
  const service = new Service();
  const told = [];
  const files = { source: csv(), others: [csv(), csv()] };
  const onUpload = ({ name, loaded, total }) => told.push(`${name} ${loaded}/${total}`);
  await service.client({ token: "secret" }).submit("report", { a: 1 }, { files, onUpload });
  const [{ params }] = service.submitted.values();
  assert.deepEqual(params, { a: 1, source: "upload:1", others: ["upload:2", "upload:3"] });
  assert.deepEqual(JSON.parse(service.requests[0].body), { filename: "flights.csv", content_type: "text/csv", size: 3 });
  assert.deepEqual(told.slice(0, 3), ["source 0/3", "source 3/3", "others 0/3"]);
  const { headers } = service.uploaded[0];
  assert.equal(headers.get("Authorization"), null, "the bucket sees no token");
  assert.equal(headers.get("Content-Length"), null, "it is the runtime's to set");
  assert.deepEqual([headers.get("Content-Type"), headers.get("If-None-Match")], ["text/csv", "*"]);
});

test("an upload whose answer was lost is there; one that S3 refuses is not", async () => {
  const service = new Service();
  const pass = (_, proceed) => proceed();
  service.faults = [pass, lost, () => new Response("<Error/>", { status: 412 })];
  assert.equal(await service.client().upload(csv()), "upload:1");
  service.faults = [pass, () => new Response("<Error/>", { status: 500 })];
  assert.equal(await service.client().upload(csv()), "upload:2");
  service.faults = [pass, () => new Response("<Error/>", { status: 412 })];
  await assert.rejects(service.client().upload(csv()), { status: 412 });
});

test("an erase whose answer was lost is done; one of an unknown job is refused", async () => {
  const service = new Service();
  service.faults = [lost];
  await service.client().job("j1").erase();
  await assert.rejects(service.client().job("j1").erase(), { status: 404 });
  service.faults = [answers(429)];
  await assert.rejects(service.client().job("j1").erase(), { status: 404 }, "429 erased nothing");
});

test("a retry whose answer was lost runs the job once", async () => {
  const service = new Service([[0, { status: "failed" }]]);
  const handle = service.client().job("j1");
  const late = async (_, proceed) => {
    proceed();
    await service.clock.sleep(2_000); // the job has failed once more when the request is repeated
    return cut();
  };
  service.faults = [(_, proceed) => proceed(), late];
  assert.equal((await handle.retry()).status, "failed");
  assert.equal(service.retried, 1);
});

test("a cancel of a finished job is refused", async () => {
  const service = new Service();
  service.faults = [answers(409)];
  await assert.rejects(service.client().job("j1").cancel(), { status: 409 });
});

test("lists follow their cursors at the client's own URL", async () => {
  const service = new Service();
  const page = (name, next) => () => json({ jobs: [{ id: name }], next });
  service.faults = [page("a", "http://other.example/jobs?cursor=x%2B1"), page("b", null)];
  const jobs = await collect(service.client().jobs({ status: "failed", limit: 1 }));
  assert.deepEqual(jobs.map((job) => job.id), ["a", "b"]);
  assert.equal(service.requests[1].path, "/jobs?status=failed&limit=1&cursor=x%2B1");
});

test("events are shown once each, also lines that are alike", async () => {
  const service = new Service([[0, {}], [4, { status: "succeeded", finished_at: "now" }]]);
  const [line, end] = [{ type: "log", message: "x" }, { type: "transition", verb: "succeed" }];
  service.events = [line, line, line];
  const events = service.client().job("j1").events({ follow: true });
  const seen = [];
  for await (const event of events) {
    seen.push(event);
    if (seen.length === 3) service.clock.sleep(4_000).then(() => service.events.push(line, end));
  }
  assert.deepEqual(seen, [line, line, line, line, end]);
  assert.deepEqual(await collect(service.client().job("j1").events()), seen);
});

test("a result is the job's own, or fetched where the job leaves it out", async () => {
  for (const [result, fetches] of [[{ a: 1 }, 0], [null, 1]]) {
    const service = new Service([[0, { status: "succeeded", result }]]);
    assert.deepEqual(await service.client().run("report"), result ?? { rows: 3 });
    assert.equal(service.count("GET /jobs/j1/result"), fetches);
  }
});

test("a job without a result is an error that has the job", async () => {
  for (const [status, kind] of [["failed", JobFailed], ["canceled", JobCanceled]]) {
    const error = { title: "The task failed", message: "The task failed: no header" };
    const service = new Service([[0, { status, error }]]);
    await assert.rejects(service.client().job("j1").result(), (thrown) => {
      assert.ok(thrown instanceof kind);
      assert.equal(thrown.message, `Job j1 (report) ${status}: The task failed: no header`);
      assert.deepEqual([thrown.job.id, thrown.problem], ["j1", error]);
      return true;
    });
    assert.equal((await service.client().job("j1").wait()).status, status);
  }
});

test("an aborted call ends with the signal's reason", async () => {
  const service = new Service();
  const reason = new Error("left");
  const controller = new AbortController();
  service.faults = [() => (controller.abort(reason), cut())];
  const client = service.client({ patience: 0 });
  await assert.rejects(client.tasks({ signal: controller.signal }), reason);
  assert.equal(service.requests.length, 1);
});

test("a redirect to the bucket does not take the token along", async () => {
  const seen = [];
  const listen = async (answer) => {
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      answer(response);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return [server, `http://127.0.0.1:${server.address().port}`];
  };
  const json = { "Content-Type": "application/json" };
  const [bucket, there] = await listen((response) => response.writeHead(200, json).end('{"tasks":[]}'));
  const [api, url] = await listen((response) => response.writeHead(303, { Location: there }).end());
  assert.deepEqual(await new Client(url, { token: "secret" }).tasks(), []);
  assert.deepEqual(seen, ["Bearer secret", undefined]);
  for (const server of [bucket, api]) server.close();
});

for (const value of [{ approved: true }, "yes", 0, false, null]) {
  test(`an answer is sent as ${JSON.stringify(value)}, and again while none came`, async () => {
    const service = new Service();
    service.faults = [lost, () => new Response(null, { status: 204 })];
    assert.equal(await service.client().job("j1").answer("publish", value), undefined);
    const asked = service.requests.map(({ method, path, body }) => [method, path, body]);
    const sent = ["POST", "/jobs/j1/answers/publish", JSON.stringify(value)];
    assert.deepEqual(asked, [sent, sent]);
  });
}

test("children are listed page by page", async () => {
  const service = new Service();
  const page = (name, next) => () => json({ jobs: [{ id: name }], next });
  service.faults = [page("a", "http://other.example/jobs/j1/children?cursor=1"), page("b", null)];
  const jobs = await collect(service.client().job("j1").children({ status: "failed", limit: 1 }));
  assert.deepEqual(jobs.map((job) => job.id), ["a", "b"]);
  assert.equal(service.requests[1].path, "/jobs/j1/children?status=failed&limit=1&cursor=1");
});

const PLAN = { cron: "30 2 * * *", timezone: "UTC", task: "fetch", params: {}, overlap: "skip", paused: false };
const SEEN = { declared: false, next: [], last_job: null, missed: 0, created_at: "", updated_at: "", links: {} };
const schedule = (etag) => () => json({ name: "a/b", ...PLAN, ...SEEN }, 200, { ETag: etag });

test("a schedule that was read is replaced under its tag, by what a client may set", async () => {
  const service = new Service();
  service.faults = [schedule('"1"'), schedule('"2"'), lost, () => new Response(null, { status: 204 })];
  const { schedules } = service.client();
  const read = await schedules.get("a/b");
  assert.equal(read.etag, '"1"');
  const { etag } = await schedules.put("a/b", { ...read, paused: true });
  assert.equal(await schedules.delete("a/b", { etag }), undefined);
  const sent = service.requests.map(({ method, path, headers }) => [method, path, headers.get("If-Match")]);
  const path = "/schedules/a%2Fb";
  assert.deepEqual(sent, [["GET", path, null], ["PUT", path, '"1"'], ["DELETE", path, '"2"'], ["DELETE", path, '"2"']]);
  assert.deepEqual(JSON.parse(service.requests[1].body), { ...PLAN, paused: true });
});

test("a schedule is set without a tag, and what is misspelt is left to the service to refuse", async () => {
  const service = new Service();
  service.faults = [schedule('"1"')];
  await service.client().schedules.put("n", { cron: "* * * * *", task: "fetch", timezon: "UTC" });
  const [{ headers, body }] = service.requests;
  assert.equal(headers.get("If-Match"), null);
  assert.deepEqual(JSON.parse(body), { cron: "* * * * *", task: "fetch", timezon: "UTC" });
});

test("a delete of a schedule whose answer was lost is done; one of an unknown schedule is refused", async () => {
  const service = new Service();
  service.faults = [lost];
  await service.client().schedules.delete("n");
  await assert.rejects(service.client().schedules.delete("n"), { status: 404 });
});
