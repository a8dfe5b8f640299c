// The same by a program: curl, Python or the command line. Files stand in it by their names.
import { Copy } from "./parts.js";
import { html, useRef, useState } from "./preact.js";
import { base, mode } from "./session.js";

const quoted = (text) => `'${text.replace(/'/g, "'\\''")}'`; // for a POSIX shell
const needsToken = mode === "tokens" || mode === "jwt";
const TOKEN = needsToken ? ' -H "Authorization: Bearer $TOKEN"' : "";

/** {name: text}. `body` is what POST /jobs takes, with File objects in its params; `after` is Cancel-After. */
export function snippetsOf(body, after) {
  return { curl: curl(body, after), Python: python(body, after), "Command line": commandLine(body, after) };
}

function curl(body, after) {
  const files = [];
  const mark = `file-${crypto.getRandomValues(new Uint32Array(2)).join("-")}-`;
  const text = JSON.stringify(body, (_, value) => (value instanceof File ? mark + files.push(value) : value), 2);
  const uploads = files.map((file, at) => {
    const type = file.type || "application/octet-stream";
    const name = quoted(file.name);
    return `upload${at + 1}=$(curl -s ${quoted(`${base}/uploads`)}${TOKEN} \\
  -H 'Content-Type: application/json' \\
  -d "{\\"content_type\\": \\"${type}\\", \\"size\\": $(wc -c < ${name})}")
curl -s -T ${name} "$(echo "$upload${at + 1}" | jq -r .upload.url)" \\
  -H 'Content-Type: ${type}' -H 'If-None-Match: *'`;
  });
  const ids = files.reduce((all, _, at) => all.replace(`${mark}${at + 1}"`, `'"$(echo "$upload${at + 1}" | jq -r .id)"'"`), quoted(text));
  const cancel = after ? ` -H ${quoted(`Cancel-After: ${after}`)}` : "";
  return [...uploads, `curl ${quoted(`${base}/jobs`)}${TOKEN} \\
  -H 'Content-Type: application/json'${cancel} \\
  -d ${ids}`].join("\n\n");
}

function python({ task, params, run_at: at, webhook }, after) {
  const options = [
    at && `run_at=datetime.fromisoformat(${literal(at)})`,
    after && `cancel_after=${literal(after)}`,
    webhook && `webhook=${literal(webhook, 1)}`,
  ].filter(Boolean);
  const call = [literal(task), literal(params ?? {}, 1), ...options].join(",\n    ");
  return pythonOf(`job = client.submit(\n    ${call},\n)\nprint(job.result())`, at && "from datetime import datetime");
}

function pythonOf(lines, imported) {
  const imports = [needsToken && "import os", imported].filter(Boolean);
  const token = needsToken ? ', token=os.environ["TOKEN"]' : "";
  return `${imports.length ? `${imports.join("\n")}\n\n` : ""}from overtime import Client

client = Client(${literal(base)}${token})
${lines}`;
}

/** A value as Python writes it. A file is uploaded where it stands. */
function literal(value, depth = 0) {
  if (value instanceof File) return `client.upload(${literal(value.name)})`;
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const indent = "    ".repeat(depth + 1);
  const end = `\n${"    ".repeat(depth)}`;
  const lines = Array.isArray(value)
    ? value.map((one) => literal(one, depth + 1))
    : Object.entries(value).filter(([, one]) => one !== undefined).map(([name, one]) => `${JSON.stringify(name)}: ${literal(one, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  if (!lines.length) return open + close;
  const line = `${open}${lines.join(", ")}${close}`;
  return line.length < 60 && !line.includes("\n") ? line : `${open}\n${lines.map((one) => `${indent}${one},`).join("\n")}${end}${close}`;
}

function commandLine({ task, params }, after) {
  return overtime(`run ${quoted(task)}`, paramWords(params), after && `--cancel-after ${quoted(after)}`);
}

const overtime = (command, ...options) =>
  [`overtime ${command}`, ...options.flat().filter(Boolean), `--url ${quoted(base)}`, needsToken && '--token "$TOKEN"'].filter(Boolean).join(" \\\n  ");

/** `name:=JSON` is exact; `name=text` is what people type. A list of one entry would be split at commas. */
function paramWords(params = {}) {
  return Object.entries(params).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const several = Array.isArray(value) ? value : [value];
    if (several.length && several.every((one) => one instanceof File)) return several.map((one) => `--file ${quoted(`${name}=${one.name}`)}`);
    const isTyped = Array.isArray(value) ? value.length > 1 && value.every(isWord) : isWord(value);
    return isTyped ? several.map((one) => `--param ${quoted(`${name}=${one}`)}`) : [`--param ${quoted(`${name}:=${JSON.stringify(value, named)}`)}`];
  });
}

/** The same answer to a question. */
export function answerSnippets(id, step, answer) {
  return {
    curl: curlOf("POST", `/jobs/${id}/answers/${step}`, answer),
    Python: pythonOf(`client.job(${literal(id)}).answer(${literal(step)}, ${literal(answer)})`),
    "Command line": overtime(`answer ${id} ${step} ${quoted(JSON.stringify(answer, named))}`),
  };
}

/** The same schedule. Its params name uploads that exist: files are not uploaded here. */
export function scheduleSnippets(name, path, plan) {
  const { cron = "", timezone = "UTC", task = "TASK", params = {}, overlap = "skip", paused } = plan;
  const kept = JSON.parse(JSON.stringify(params, named));
  const words = [name, cron, task].map(literal).join(", ");
  const pause = paused ? `\nclient.schedules.pause(${literal(name)})` : "";
  const set = overtime(`schedules set ${[name, cron, task].map(quoted).join(" ")}`, `--zone ${quoted(timezone)}`, `--overlap ${overlap}`, paramWords(kept));
  return {
    curl: curlOf("PUT", path, plan),
    Python: pythonOf(`client.schedules.put(\n    ${words},\n    ${literal(kept, 1)},\n    timezone=${literal(timezone)},\n    overlap=${literal(overlap)},\n)${pause}`),
    "Command line": paused ? `${set}\n\n${overtime(`schedules pause ${quoted(name)}`)}` : set,
  };
}

const isWord = (value) => typeof value === "number" || (typeof value === "string" && value !== "" && value === value.trim());
const named = (_, value) => (value instanceof File ? `upload:… of ${value.name}` : value);

/** One request as it is, by curl. */
export function curlOf(method, path, body, headers = { "Content-Type": "application/json" }) {
  const lines = Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  const sent = body === undefined ? [] : [`-d ${quoted(JSON.stringify(body, named, 2))}`];
  return [`curl -X ${method} ${quoted(base + path)}${TOKEN}`, ...lines, ...sent].join(" \\\n  ");
}

/** Beside a form: what it sends. */
export function Program({ snippets }) {
  return html`<aside class="card tight" aria-labelledby="program"><h2 id="program">The same by a program</h2><${Snippets} snippets=${snippets} /></aside>`;
}

/** `snippets`: {name: text}. `id` is one of the page's own. */
export function Snippets({ snippets, id = "snippet" }) {
  const names = Object.keys(snippets);
  const [chosen, setChosen] = useState(names[0]);
  const tabs = useRef();
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = (names.indexOf(chosen) + step + names.length) % names.length;
    setChosen(names[at]);
    tabs.current.children[at].focus();
  };
  return html`<div class="tight">
    <div class="tabs" role="tablist" aria-label="Programs" ref=${tabs} onKeyDown=${move}>${names.map((name) => html`<button type="button" role="tab" aria-controls=${id}
      aria-selected=${String(name === chosen)} tabindex=${name === chosen ? 0 : -1} onClick=${() => setChosen(name)}>${name}</button>`)}</div>
    <div id=${id} role="tabpanel" aria-label=${chosen}><pre tabindex="0">${snippets[chosen]}</pre></div>
    <${Copy} text=${snippets[chosen]} label=${`Copy as ${chosen === "Command line" ? "command line" : chosen}`} />
  </div>`;
}
