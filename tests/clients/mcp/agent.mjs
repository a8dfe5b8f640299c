// Agents on the TypeScript SDK with the tasks extension. Each prints what it saw as JSON.
//
//     agent.mjs URL start NAME ARGUMENTS   start a task, print its reference, and go away
//     agent.mjs URL resume REFERENCE       a new process goes on with the reference alone
//     agent.mjs URL call NAME ARGUMENTS    call a tool and wait for the outcome
//     agent.mjs URL cancel NAME ARGUMENTS  cancel a task once it has begun
//
// A question is answered with `confirm`.
import { writeSync } from "node:fs";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createTaskSessionFromClient } from "@modelcontextprotocol/ext-tasks/client";

const [address, what, name, given] = process.argv.slice(2);
const clientInfo = { name: "test", version: "1.0.0" };
const capabilities = { elicitation: {}, extensions: { "io.modelcontextprotocol/tasks": {} } };
const NAMED = { "tools/call": "name" }; // of the other methods it is taskId

let id = 0;
async function rawDispatch(request, options) {
  const headers = {
    "Content-Type": "application/json",
    Accept: "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": request.method,
    "Mcp-Name": request.params[NAMED[request.method] ?? "taskId"],
    ...options?.context?.headers,
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id: ++id, ...request });
  const answer = await fetch(address, { method: "POST", headers, body, signal: options?.signal });
  const { result, error } = await answer.json();
  return error ? { kind: "error", error } : { kind: "result", result };
}

const client = new Client(clientInfo, { capabilities, versionNegotiation: { mode: "auto" } });
await client.connect(new StreamableHTTPClientTransport(new URL(address)));
const questions = [];
const session = createTaskSessionFromClient(client, {
  endpointId: "test",
  onInputRequest: async ({ params }) => {
    questions.push(params.message);
    return { action: "accept", content: { confirm: true } };
  },
  rawDispatch,
  v2RequestFraming: { protocolVersion: "2026-07-28", clientInfo, clientCapabilities: capabilities },
});

const saw = { era: client.getProtocolEra() };
const seen = [];
const onEvent = (event) => event.type === "task" && seen.push(event.task.status);
if (what === "resume") {
  const execution = await session.resumeTask(JSON.parse(name));
  saw.outcome = (await execution.settle({ onEvent })).outcome;
} else {
  const execution = await session.callTool(name, JSON.parse(given));
  saw.kind = execution.kind;
  if (what === "start") {
    writeSync(1, JSON.stringify({ reference: execution.serializeReference() }));
    process.exit(); // at once, as in a crash: close() would cancel the task
  } else {
    if (what === "cancel") await execution.cancel();
    saw.outcome = (await execution.settle({ onEvent })).outcome;
  }
}
console.log(JSON.stringify({ ...saw, seen, questions }));
await session.close();
await client.close();
