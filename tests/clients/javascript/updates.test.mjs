// A job's states, by push and by polling: the same to the caller, in order, none twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answers, collect, cut, json, Service } from "./service.mjs";

const progress = (percent) => ({ status: "running", progress: { percent, message: "" } });
const DONE = { status: "succeeded", result: { rows: 3 }, finished_at: "2026-11-28T00:05:00.000Z" };
const STATES = [[0, {}], [10, progress(10)], [50, progress(50)], [70, progress(90)], [90, DONE]];
const shown = (jobs) => jobs.map((job) => job.progress?.percent ?? job.status);
const ALL = ["queued", 10, 50, 90, "succeeded"];
const reads = (service) => service.count("GET /jobs/j1");
const live = (service) => service.sockets.at(-1);

test("push and polling show the same", async () => {
  const seen = [];
  for (const push of [true, false]) {
    const service = new Service(STATES);
    const handle = await service.client({ push }).submit("report");
    const states = await collect(handle.updates());
    assert.deepEqual(shown(states), ALL);
    assert.equal(handle.job, states.at(-1));
    seen.push(states);
  }
  assert.deepEqual(seen[0], seen[1], "params and result too");
});

test("polling waits as Retry-After says, and sends the tag that it knows", async () => {
  const service = new Service(STATES);
  await collect(service.client({ push: false }).job("j1").updates());
  assert.equal(reads(service), 46);
  const pauses = service.requests.slice(1).map((one, index) => one.at - service.requests[index].at);
  assert.deepEqual(new Set(pauses), new Set([2_000]));
  const tags = new Set(service.requests.slice(1).map((one) => one.headers.get("If-None-Match")));
  assert.deepEqual([...tags], ['"0-0"', '"0-1"', '"0-2"', '"0-3"']);
  assert.equal(service.tickets, 0);
});

test("with push a job is read when it begins, when it ends, and once in a long silence", async () => {
  const service = new Service(STATES);
  await collect(service.client().job("j1").updates());
  assert.equal(service.tickets, 1);
  assert.equal(live(service).url, "wss://push.example.com/prod?ticket=t1");
  assert.equal(reads(service), 3, "in the silence from 10 to 50 s");
});

test("the connection is closed once nothing is watched", async () => {
  const service = new Service(STATES);
  await collect(service.client().job("j1").updates());
  assert.equal(live(service).readyState, 3);
  for await (const job of service.client().job("j1").updates()) if (job.status === "succeeded") break;
  assert.equal(service.sockets.filter((one) => one.readyState !== 3).length, 0);
});

test("a job that is finished opens no connection", async () => {
  const service = new Service();
  assert.deepEqual(shown(await collect(service.client().job("j1").updates())), ["succeeded"]);
  assert.equal(service.tickets + service.sockets.length, 0);
});

test("messages that come late, twice or without a type change nothing", async () => {
  const service = new Service(STATES);
  const states = [];
  for await (const job of service.client().job("j1").updates()) {
    states.push(job);
    for (const { job: any, at } of service.history) if (at <= service.clock.time) live(service)?.push(any);
    live(service)?.onmessage({ data: '{"message": "Internal server error"}' });
    live(service)?.onmessage({ data: '{"type": "error", "problem": {}, "job": "j1"}' });
  }
  assert.deepEqual(shown(states), ALL);
});

test("a connection that is cut is soon restored with a new ticket, and no state is lost", async () => {
  const steps = [10, 20, 30, 40, 50, 60, 70, 80, 90];
  const service = new Service([[0, {}], ...steps.map((step) => [step, progress(step)]), [100, DONE]]);
  const [states, cuts] = [[], []];
  for await (const job of service.client().job("j1").updates()) {
    states.push(job);
    service.clock.sleep(1_000).then(() => (cuts.push(service.clock.time), live(service)?.close()));
  }
  assert.deepEqual(shown(states), ["queued", ...steps, "succeeded"]);
  assert.equal(service.tickets, 11);
  assert.equal(new Set(service.sockets.map((one) => one.url)).size, service.sockets.length);
  const back = service.requests.filter((one) => one.path === "/tickets").map((one) => one.at);
  for (const time of cuts.slice(0, -1)) assert.ok(back.some((at) => at > time && at <= time + 1_000));
  for (const socket of service.sockets.slice(0, -1)) {
    assert.deepEqual(socket.said[0], { action: "subscribe", job: "j1" });
  }
});

test("a service that cannot be connected to is asked ever less often, and polled", async () => {
  const service = new Service([[0, {}], [300, DONE]]);
  const client = service.client();
  client._push.WebSocket = class {
    constructor() {
      service.tried = (service.tried ?? 0) + 1;
      queueMicrotask(() => this.onclose());
    }
    close() {}
  };
  const states = await collect(client.job("j1").updates());
  assert.deepEqual(shown(states), ["queued", "succeeded"]);
  assert.ok(service.tried > 20 && service.tried < 45, `${service.tried} in 300 s`);
});

for (const [name, fault] of [
  ["without push", answers(404)],
  ["that pushes by AppSync", () => json({ ticket: "t", url: "wss://x", host: "x" }, 201)],
]) {
  test(`a service ${name} is asked for a ticket once, and polled`, async () => {
    const service = new Service(STATES);
    const client = service.client();
    service.faults = [(_, proceed) => proceed(), fault];
    assert.deepEqual(shown(await collect(client.job("j1").updates())), ALL);
    await collect(client.job("j1").updates());
    assert.equal(service.count("POST /tickets"), 1);
    assert.equal(service.sockets.length, 0);
  });
}

test("a dead connection is noticed by reading, and replaced", async () => {
  const service = new Service(STATES);
  const states = [];
  for await (const job of service.client().job("j1").updates()) {
    states.push(job);
    if (shown([job])[0] === 10) live(service).mute = true;
  }
  assert.deepEqual(shown(states), ["queued", 10, 90, "succeeded"]);
  assert.equal(service.sockets.length, 2);
  assert.equal(live(service).said[0].action, "subscribe");
});

test("a state that only the service's clock calls older is shown", async () => {
  const early = { ...DONE, updated_at: "2026-11-27T00:00:00.000Z" };
  const service = new Service([[0, {}], [10, progress(10)], [20, early]]);
  const states = await collect(service.client().job("j1").updates());
  assert.deepEqual(shown(states), ["queued", 10, "succeeded"]);
});

test("of two states of the same time the service knows the later", async () => {
  const service = new Service(STATES);
  const states = [];
  for await (const job of service.client().job("j1").updates()) {
    states.push(job);
    if (shown([job])[0] === 50) live(service).push({ ...job, progress: { percent: 49, message: "" } });
  }
  assert.deepEqual(shown(states), ALL);
  assert.equal(reads(service), 3 + 1);
});

test("an answer that was overtaken by a newer one is not shown", async () => {
  const service = new Service(STATES);
  const handle = service.client({ push: false }).job("j1");
  await handle.refresh();
  const old = service.job(200);
  service.faults = [async () => (await service.clock.sleep(15_000), old)];
  handle._etag = null;
  const [slow, fast] = [handle.refresh(), service.clock.sleep(11_000).then(() => handle.refresh())];
  assert.deepEqual(shown([await fast, await slow]), [10, 10]);
});

test("many jobs share a connection, and one that is left is unsubscribed", async () => {
  const service = new Service(STATES);
  const client = service.client();
  const leave = async () => {
    for await (const job of client.job("j2").updates()) if (job.progress) return job.id;
  };
  const follow = () => collect(client.job("j1").updates());
  const [one, other, left] = await Promise.all([follow(), follow(), leave()]);
  assert.deepEqual([shown(one), shown(other), left], [ALL, ALL, "j2"]);
  assert.equal(service.tickets, 1);
  const said = live(service).said.filter((message) => message.job === "j2");
  assert.deepEqual(said.map((message) => message.action), ["subscribe", "unsubscribe"]);
});

test("a connection that is lost for good leaves the job to polling at once", async () => {
  const service = new Service([[0, {}], [10, progress(10)], [15, DONE]]);
  const began = service.clock.time;
  for await (const job of service.client().job("j1").updates()) {
    if (!job.progress) continue;
    service.pushes = false;
    live(service).close();
  }
  assert.ok(service.clock.time - began < 18_000);
});

test("a message that comes while the job is read calls for another read", async () => {
  const service = new Service([[0, {}], [10, DONE]]);
  const began = service.clock.time;
  service.clock.sleep(9_000).then(() => {
    service.faults = [async (_, proceed) => [proceed(), await service.clock.sleep(2_000)][0]];
    live(service).push({ ...service.state.job, wait_reason: "rescued" });
  });
  assert.deepEqual(shown(await collect(service.client().job("j1").updates())), ["queued", "succeeded"]);
  assert.ok(service.clock.time - began < 12_000);
});

test("a subscribe that API Gateway lost is repeated with the next read", async () => {
  const service = new Service(STATES);
  service.ignored = 1;
  assert.deepEqual(shown(await collect(service.client().job("j1").updates())), ALL);
  const said = live(service).said.map((message) => message.action);
  assert.deepEqual(said, ["subscribe", "subscribe", "unsubscribe"]);
  assert.deepEqual([service.sockets.length, reads(service)], [1, 4]);
});

test("a cut network and throttling in between lose nothing", async () => {
  const service = new Service(STATES);
  const client = service.client({ push: false });
  service.faults = [(_, proceed) => proceed(), cut, answers(429, { "Retry-After": "3" }), cut, answers(503), cut];
  assert.deepEqual(shown(await collect(client.job("j1").updates())), ALL);
});

test("an abort ends the updates with its reason, also while they wait", async () => {
  const service = new Service(STATES);
  const [controller, reason] = [new AbortController(), new Error("left")];
  service.clock.sleep(5_000).then(() => controller.abort(reason));
  await assert.rejects(collect(service.client().job("j1").updates({ signal: controller.signal })), reason);
  assert.equal(service.clock.time % 60_000, 5_000);
  assert.equal(live(service).readyState, 3);
});

const children = (live) => ({ total: 9, live, succeeded: 9 - live, failed: 0, canceled: 0 });
const WAITS = { status: "queued", wait_reason: "children" };

test("push leaves out counts of children, and shows the same as polling", async () => {
  const over = { children: children(0) };
  const states = [[0, progress(0)], [10, { ...WAITS, children: children(9) }], [50, { status: "queued", ...over }]];
  for (const push of [true, false]) {
    const service = new Service([...states, [60, { ...progress(50), ...over }], [70, { ...DONE, ...over }]]);
    const seen = await collect(service.client({ push }).job("j1").updates());
    assert.deepEqual(seen.map((job) => job.children?.live), [undefined, 9, 0, 0, 0]);
  }
});

test("a count of children that a read finds is no sign of a dead connection", async () => {
  const counts = [8, 7, 6, 5].map((live, index) => [40 + index * 30, { ...WAITS, children: children(live) }, true]);
  const service = new Service([[0, progress(0)], [10, { ...WAITS, children: children(9) }], ...counts, [300, DONE]]);
  const seen = await collect(service.client().job("j1").updates());
  assert.deepEqual(seen.map((job) => job.children?.live), [undefined, 9, 8, 7, 6, 5, undefined]);
  assert.equal(service.tickets, 1);
});
