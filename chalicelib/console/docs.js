// The API's own description as a page, and each operation to be tried. Forms are those of the submit page.
import { Copy, Failure, Loading, Text, Title } from "./parts.js";
import { SchemaForm } from "./form.js";
import { html, useState } from "./preact.js";
import { alternatives, initial, isRequired, kindOf, limitsOf, nameOf, replaceFiles, resolve } from "./schema.js";
import { client, read, request, useLoaded } from "./session.js";
import { curlOf } from "./snippets.js";

const SHOWN = 20_000; // characters of an answer

export function Docs() {
  const [api, error, again] = useLoaded((signal) => read("/openapi.json", { signal }), []);
  if (!api) return html`<div class="stack"><${Title} name="API" />${error ? html`<${Failure} error=${error} again=${again} />` : html`<${Loading} what="the description" />`}</div>`;
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({ ...one, path, method: method.toUpperCase() })));
  operations.sort((one, other) => isPage(one) - isPage(other)); // those of programs come first
  const jump = (event, id) => {
    event.preventDefault();
    history.replaceState(null, "", `#${id}`);
    const heading = document.getElementById(id);
    heading.scrollIntoView();
    heading.focus({ preventScroll: true });
  };
  return html`<div class="docs">
    <nav aria-label="Operations"><ul>${operations.map((one) => html`<li><a href="#${one.operationId}" onClick=${(event) => jump(event, one.operationId)}>
      <span class="method ${one.method}">${one.method}</span><span>${one.path}</span></a></li>`)}</ul></nav>
    <div class="stack">
      <div class="bar"><${Title} name="API" /><span class="quiet">${api.info.title} ${api.info.version}</span><a href="openapi.json" onClick=${save}>OpenAPI document</a></div>
      <div class="quiet"><${Text} text=${api.info.description} /></div>
      ${operations.map((one) => html`<${Operation} key=${one.operationId} operation=${one} api=${api} />`)}
    </div>
  </div>`;
}

/** A link would not send the token. */
async function save(event) {
  event.preventDefault();
  const text = await (await request("/openapi.json")).text();
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([text])), download: "openapi.json" });
  link.click();
  URL.revokeObjectURL(link.href);
}

const isPage = (operation) => Object.values(operation.responses).some((one) => bodyOf(one)[0]?.startsWith("text/"));
const bodyOf = (part) => Object.entries(part?.content ?? {})[0] ?? [];

function Operation({ operation, api }) {
  const { operationId: id, method, path, summary, description, parameters, requestBody, responses, security } = operation;
  const [trying, setTrying] = useState(false);
  const [, body] = bodyOf(requestBody);
  return html`<section class="card stack" aria-labelledby=${id}>
    <div class="tight">
      <h2 id=${id} tabindex="-1"><span class="method ${method}">${method}</span> <span class="path">${path}</span></h2>
      <p><strong>${summary}</strong>${!security.length && html` <span class="quiet">No credentials.</span>`}</p>
      ${description && html`<${Text} text=${description} />`}
    </div>
    ${parameters.length > 0 && html`<div class="tight"><h3>Parameters</h3><ul class="schema">${parameters.map((one) => html`<li>
      <code>${one.name}</code> <span class="quiet small">${[one.in, nameOf(one.schema, api), limitsOf(one.schema)].filter(Boolean).join(", ")}${one.required ? "" : ", optional"}</span>
      ${one.description && html`<div class="small"><${Text} text=${one.description} /></div>`}</li>`)}</ul></div>`}
    ${body && html`<${Fold} title="Body"><${Schema} schema=${body.schema} root=${api} /><//>`}
    <${Fold} title=${`Answers: ${Object.keys(responses).join(", ")}`}><ul class="schema">${Object.entries(responses).map(([status, answer]) => html`<${Response} status=${status} answer=${answer} api=${api} />`)}</ul><//>
    ${trying ? html`<${TryIt} operation=${operation} api=${api} />` : html`<p class="bar"><button onClick=${() => setTrying(true)}>Try it<span class="hidden"> ${method} ${path}</span></button></p>`}
  </section>`;
}

function Response({ status, answer, api }) {
  const [type, content] = bodyOf(answer);
  return html`<li><strong>${status}</strong> ${answer.description} ${type && html`<span class="quiet small">${type}</span>`}
    ${Object.entries(answer.headers ?? {}).map(([name, one]) => html`<p class="small"><code>${name}</code> ${one.description}</p>`)}
    ${content?.schema?.$ref && html`<${Fold} title=${nameOf(resolve(content.schema, api), api)}><${Schema} schema=${content.schema} root=${api} /><//>`}</li>`;
}

/** What is in it is drawn once it is opened: schemas may hold themselves. */
function Fold({ title, children }) {
  const [open, setOpen] = useState(false);
  return html`<details onToggle=${({ currentTarget }) => setOpen(currentTarget.open)}><summary>${title}</summary>${open && html`<div>${children}</div>`}</details>`;
}

function Schema({ schema: given, root }) {
  const schema = resolve(given, root);
  const kind = kindOf(schema);
  const members = kind === "object" ? Object.entries(schema.properties) : [];
  return html`<div class="tight">
    ${schema.description && html`<div class="small quiet"><${Text} text=${schema.description} /></div>`}
    ${kind === "union" && html`<ul class="schema">${alternatives(schema, root).others.map((one) => html`<li>${isDeep(one) ? html`<${Fold} title=${nameOf(one, root)}><${Schema} schema=${one} root=${root} /><//>` : nameOf(one, root)}</li>`)}</ul>`}
    ${kind === "array" && schema.items && html`<${Inner} schema=${schema.items} root=${root} />`}
    ${kind === "map" && html`<${Inner} schema=${schema.additionalProperties} root=${root} />`}
    ${members.length > 0 && html`<ul class="schema">${members.map(([name, one]) => html`<${Member} ...${{ name, root }} schema=${resolve(one, root)} required=${isRequired(schema, name)} />`)}</ul>`}
  </div>`;
}

const isDeep = (schema) => ["object", "map", "array", "union"].includes(kindOf(schema));

function Inner({ schema, root }) {
  const inner = resolve(schema === true ? {} : schema, root);
  return isDeep(inner) ? html`<${Fold} title=${nameOf(inner, root)}><${Schema} schema=${inner} root=${root} /><//>` : html`<p class="small">${nameOf(inner, root)}</p>`;
}

function Member({ name, schema, root, required }) {
  const facts = [nameOf(schema, root), limitsOf(schema), required ? null : "optional"].filter(Boolean).join(", ");
  const deepest = kindOf(schema) === "array" ? resolve(schema.items, root) : schema;
  const opens = kindOf(deepest) === "object" || (kindOf(deepest) === "union" && alternatives(deepest, root).others.some(isDeep));
  return html`<li><code>${name}</code> <span class="quiet small">${facts}</span>
    ${schema.description && html`<div class="small"><${Text} text=${schema.description} /></div>`}
    ${opens && html`<${Fold} title=${deepest.title ?? "Members"}><${Schema} schema=${deepest} root=${root} /><//>`}</li>`;
}

function TryIt({ operation, api }) {
  const { method, path, parameters, requestBody } = operation;
  const [, content] = bodyOf(requestBody);
  const asked = {
    type: "object",
    properties: Object.fromEntries(parameters.map((one) => [one.name, { description: one.description, ...one.schema }])),
    required: parameters.filter((one) => one.required).map((one) => one.name),
  };
  const [values, setValues] = useState({});
  const [body, setBody] = useState(() => content && initial(resolve(content.schema, api), api, true));
  const [answer, setAnswer] = useState(null);
  const named = (place) => parameters.filter((one) => one.in === place && values[one.name] !== undefined);
  const query = new URLSearchParams(named("query").map((one) => [one.name, values[one.name]]));
  const called = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name] ?? "")) + (query.size ? `?${query}` : "");
  const headers = Object.fromEntries(named("header").map((one) => [one.name, values[one.name]]));
  if (content) headers["Content-Type"] = "application/json";
  const send = async (event) => {
    event.preventDefault();
    setAnswer({ busy: true });
    const began = performance.now();
    try {
      const sent = content && JSON.stringify(await replaceFiles(body, (file) => client.upload(file)));
      const found = await request(called, { method, headers, body: sent });
      setAnswer({ found, text: await found.text(), took: Math.round(performance.now() - began) });
    } catch (error) {
      setAnswer({ error });
    }
  };
  return html`<form class="nested stack" onSubmit=${send} aria-label=${`Try ${method} ${path}`}>
    ${parameters.length > 0 && html`<${SchemaForm} schema=${asked} root=${api} value=${values} onChange=${setValues} path=${`/${operation.operationId}`} />`}
    ${content && html`<${SchemaForm} schema=${content.schema} root=${api} value=${body} onChange=${setBody} path=${`/${operation.operationId}/body`} />`}
    <p class="bar"><button class="main" disabled=${answer?.busy}>Send</button><${Copy} label="Copy as curl" text=${curlOf(method, called, content && body, headers)} /></p>
    <div role="status">${answer?.found && html`<${Answer} ...${answer} />`}<${Failure} error=${answer?.error} /></div>
  </form>`;
}

function Answer({ found, text, took }) {
  const isJson = /[/+]json/.test(found.headers.get("Content-Type") ?? "");
  let shown = text;
  try {
    if (isJson && text) shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch { /* shown as it came */ }
  return html`<div class="tight">
    <p><strong class=${found.ok ? "succeeded" : "failed"}>${found.status} ${found.statusText}</strong> <span class="quiet small">${took} ms${found.redirected ? `, redirected to ${new URL(found.url).origin}` : ""}</span></p>
    <pre tabindex="0" role="region" aria-label="Headers of the answer">${[...found.headers].map(([name, value]) => `${name}: ${value}`).join("\n")}</pre>
    ${shown && html`<pre tabindex="0" role="region" aria-label="Body of the answer">${shown.slice(0, SHOWN)}${shown.length > SHOWN ? "\n…" : ""}</pre>`}
  </div>`;
}
