// Against the running service. SERVICE is its URL through a proxy that spoils answers, DIRECT without.
import assert from "node:assert/strict";
import { createServer, connect } from "node:net";
import { test } from "node:test";
import { Client, JobCanceled, JobFailed, Refused } from "overtime-client";
import { collect } from "./service.mjs";

const { SERVICE, DIRECT } = process.env;
const direct = new Client(DIRECT);
const CSV = new File(["carrier,delay\nAA,12\nAA,4\nUA,7\n"], "flights.csv", { type: "text/csv" });
const REPORT = { group_by: ["carrier"], metrics: ["count", "mean(delay)"] };
const FETCH = { url: `${DIRECT}/health` };
const soon = (seconds) => new Date(Date.now() + seconds * 1_000);

function inOrder(states) {
  assert.equal(new Set(states.map((one) => JSON.stringify(one))).size, states.length, "one came twice");
  for (const [index, one] of states.slice(1).entries()) assert.ok(states[index].updated_at <= one.updated_at);
  const ends = states.filter((one) => one.finished_at);
  assert.deepEqual(ends, states.slice(-1));
}

/** WebSockets through a port that can cut them. */
async function cutter() {
  const { url } = await (await fetch(`${DIRECT}/tickets`, { method: "POST" })).json();
  const open = new Set();
  const server = createServer((client) => {
    const behind = connect(new URL(url).port, "127.0.0.1");
    open.add(client);
    for (const [from, to] of [[client, behind], [behind, client]]) {
      from.pipe(to).on("error", () => {});
      from.on("error", () => {}).on("close", () => to.destroy());
    }
    client.on("close", () => open.delete(client));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const through = { connections: 0, messages: 0, cuts: 0, close: () => server.close() };
  through.cut = () => open.forEach((one) => (one.destroy(), through.cuts++));
  through.WebSocket = class extends WebSocket {
    constructor(to) {
      super(to.replace(/:\d+/, `:${server.address().port}`));
      this.addEventListener("open", () => through.connections++);
      this.addEventListener("message", () => through.messages++);
    }
  };
  return through;
}

test("a file becomes a report, whatever the proxy spoils", async () => {
  const client = new Client(SERVICE);
  const uploads = [];
  const handle = await client.submit("report", REPORT, { files: { source: CSV }, onUpload: (one) => uploads.push(one.loaded) });
  const states = await collect(handle.updates());
  inOrder(states);
  assert.equal(states.at(-1).status, "succeeded");
  assert.deepEqual(uploads, [0, CSV.size]);
  assert.equal((await handle.result()).rows, 3);
  const [artifact] = await handle.artifacts();
  assert.match(await (await artifact.download()).text(), /^carrier,count,mean\(delay\)\r?\nAA,2,8/);
  const events = await collect(handle.events({ follow: true }));
  assert.deepEqual(events.filter((one) => one.verb).map((one) => one.verb), ["submit", "claim", "succeed"]);
  await handle.erase();
  await assert.rejects(direct.job(handle.id).refresh(), { status: 404 });
});

test("of many jobs at once none comes twice and none is lost", async () => {
  const client = new Client(SERVICE);
  const before = new Set((await collect(direct.jobs({ task: "fetch" }))).map((one) => one.id));
  const results = await Promise.all(Array.from({ length: 12 }, () => client.run("fetch", FETCH)));
  assert.deepEqual(new Set(results.map((one) => one.status)), new Set([200]));
  const jobs = (await collect(direct.jobs({ task: "fetch", limit: 5 }))).filter((one) => !before.has(one.id));
  assert.equal(jobs.length, 12);
  assert.deepEqual(new Set(jobs.map((one) => one.attempt)), new Set([1]));
});

test("a WebSocket that is cut is restored, and the order is kept", async () => {
  const through = await cutter();
  const client = new Client(SERVICE, { WebSocket: through.WebSocket });
  const handles = await Promise.all(
    [3, 4, 5].map((seconds) => client.submit("fetch", FETCH, { runAt: soon(seconds) })),
  );
  const timer = setInterval(through.cut, 700);
  const all = await Promise.all(handles.map((handle) => collect(handle.updates())));
  clearInterval(timer);
  through.close();
  for (const states of all) {
    inOrder(states);
    assert.deepEqual([states[0].wait_reason, states.at(-1).status], ["scheduled", "succeeded"]);
  }
  assert.ok(through.cuts > 2 && through.connections > 2, JSON.stringify(through));
});

test("what changes comes by push, before the next poll", async () => {
  const through = await cutter();
  const client = new Client(DIRECT, { WebSocket: through.WebSocket });
  const handle = await client.submit("fetch", FETCH, { runAt: soon(3) });
  const states = await collect(handle.updates());
  through.close();
  inOrder(states);
  assert.deepEqual([through.connections, states.at(-1).status], [1, "succeeded"]);
  assert.ok(through.messages >= 2, `${through.messages} messages`);
  assert.deepEqual(states.map((one) => one.params), states.map(() => handle.job.params));
  assert.equal(states.at(-1).result.status, 200);
});

test("without a WebSocket the same is polled", async () => {
  const client = new Client(SERVICE, { push: false });
  const states = await collect((await client.submit("fetch", FETCH, { runAt: soon(2) })).updates());
  inOrder(states);
  assert.deepEqual([states[0].wait_reason, states.at(-1).status], ["scheduled", "succeeded"]);
});

test("a job is canceled, run again, and canceled again", async () => {
  const handle = await new Client(SERVICE).submit("fetch", FETCH, { runAt: soon(3_600) });
  assert.equal((await handle.cancel()).status, "canceled");
  await assert.rejects(handle.result(), JobCanceled);
  assert.ok(["queued", "running", "succeeded"].includes((await handle.retry()).status));
  const verbs = (await collect(direct.job(handle.id).events())).map((one) => one.verb);
  assert.equal(verbs.filter((verb) => verb === "retry").length, 1);
  assert.equal((await handle.wait()).status, "succeeded");
});

test("a job that fails says why", async () => {
  const client = new Client(SERVICE);
  const run = client.run("report", { ...REPORT, metrics: ["mean(carrier)"] }, { files: { source: new Blob(["no header"]) } });
  await assert.rejects(run, (error) => error instanceof JobFailed && error.problem.detail.length > 10);
});

test("children are listed in the order of their items, and counted", async () => {
  const client = new Client(SERVICE);
  const sources = [CSV, new File(["origin\nJFK\n"], "other.csv"), CSV];
  const handle = await client.submit("report_many", { ...REPORT, metrics: ["count"] }, { files: { sources } });
  const { children, params } = await handle.wait();
  assert.deepEqual([children.total, children.failed], [3, 1]);
  const found = await collect(handle.children({ limit: 2 }));
  const items = await Promise.all(found.map((one) => client.job(one.id).refresh()));
  assert.deepEqual(items.map((one) => one.params.source), params.sources);
  assert.deepEqual(found.map((one) => one.parent), Array(3).fill(handle.id));
  assert.deepEqual((await collect(handle.children({ status: "failed" }))).map((one) => one.id), [found[1].id]);
});

test("a schedule is set, changed only as it was read, listed and deleted", async () => {
  const { schedules } = new Client(SERVICE);
  const plan = { cron: "30 2 * * *", timezone: "Europe/Berlin", task: "fetch", params: FETCH };
  const made = await schedules.put("nightly", plan);
  assert.equal(made.next.length, 5);
  const paused = await schedules.put("nightly", { ...made, paused: true });
  assert.deepEqual([paused.paused, paused.cron, paused.next], [true, plan.cron, []]);
  await assert.rejects(schedules.put("nightly", { ...made, cron: "0 4 * * *" }), { status: 412 });
  await assert.rejects(schedules.delete("nightly", { etag: made.etag }), { status: 412 });
  assert.deepEqual((await collect(schedules.list({ limit: 1 }))).map((one) => one.name), ["nightly"]);
  await assert.rejects(schedules.put("nightly", { ...plan, timezon: "UTC" }), /timezon/);
  await schedules.delete("nightly", { etag: paused.etag });
  await assert.rejects(schedules.get("nightly"), { status: 404 });
});

test("what is wrong is named, with what there is", async () => {
  const client = new Client(SERVICE);
  await assert.rejects(client.submit("reprot"), (error) => {
    assert.ok(error instanceof Refused);
    return error.status === 422 && /report/.test(error.message);
  });
  await assert.rejects(client.submit("fetch", { uri: "x" }), /\/params\/ur[il]/);
  await assert.rejects(new Client(`${DIRECT}/v2`).tasks(), { status: 404 });
  const names = (await client.tasks()).map((task) => task.name);
  assert.deepEqual(names.sort(), ["fetch", "report", "report_many", "report_part", "thumbnails"]);
});
