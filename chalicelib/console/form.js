// A form made from a JSON Schema. `value` is what would be sent, with File objects where uploads will be named.
import { Text } from "./parts.js";
import { createContext, html, useContext, useRef, useState } from "./preact.js";
import { alternatives, fits, initial, isRequired, kindOf, limitsOf, nameOf, pointer, resolve, takesFile } from "./schema.js";

const Form = createContext({ root: {}, faults: new Map() });

/** `faults`: by JSON Pointer, what the service said of a value. `name` labels a value that is no object. */
export function SchemaForm({ schema, root = schema, name, value, onChange, path, faults = new Map() }) {
  return html`<${Form.Provider} value=${{ root, faults }}>
    <${Field} schema=${schema} name=${name} value=${value} onChange=${onChange} path=${path} required bare=${!name} />
  <//>`;
}

/** `bare`: without label and description, as what stands around it has them. */
function Field({ schema: given, name, value, onChange, path, required, bare }) {
  const { root, faults } = useContext(Form);
  const schema = resolve(given, root);
  const kind = kindOf(schema);
  const id = `field${path}`;
  const fault = faults.get(path);
  const Control = CONTROLS[kind] ?? Any;
  const described = [fault && `${id}!`, schema.description && !bare && `${id}?`].filter(Boolean).join(" ") || undefined;
  const shared = { id, "aria-invalid": fault ? "true" : undefined, "aria-describedby": described, "aria-label": bare ? name : undefined };
  const control = html`<${Control} ...${{ schema, value, onChange, path, required, shared }} />`;
  const notes = html`${fault && html`<p class="fault" id="${id}!">${fault}</p>`}`;
  if (kind === "const") return null;
  if (bare) return html`<div class="field">${control}${notes}</div>`;
  const hint = [required ? null : "optional", limitsOf(schema)].filter(Boolean).join(", ");
  const label = html`${name}${hint && html` <small class="quiet">${hint}</small>`}`;
  const help = schema.description && html`<div class="small quiet" id="${id}?"><${Text} text=${schema.description} /></div>`;
  if (kind === "boolean") return html`<div class="field"><label for=${id}>${control}${label}</label>${help}${notes}</div>`;
  if (GROUPS.has(kind)) return html`<fieldset id=${id} tabindex="-1" aria-describedby=${described}><legend>${label}</legend>${help}${control}${notes}</fieldset>`;
  return html`<div class="field"><label for=${id}>${label}</label>${help}${control}${notes}</div>`;
}

const GROUPS = new Set(["object", "map", "array", "tuple", "union"]);
const CONTROLS = {
  string: Str, number: Num, integer: Num, boolean: Bool, enum: Choice, object: Members, map: Rows, array: List, tuple: Tuple,
  union: Union, null: () => html`<p class="quiet small">null</p>`, const: () => null, any: Any,
};

function Str({ schema, value, onChange, required, shared }) {
  if (takesFile(schema)) return html`<${FileOrText} ...${{ schema, value, onChange, required, shared }} />`;
  const change = ({ target }) => onChange(target.value === "" && !required ? undefined : target.value);
  const common = { ...shared, value: value ?? "", onInput: change, placeholder: hintOf(schema), required: required && schema.minLength > 0, spellcheck: false };
  const isShort = schema.maxLength <= 4096 || schema.pattern || schema.format;
  return isShort ? html`<input ...${common} />` : html`<textarea rows="1" ...${common} />`;
}

function FileOrText({ schema, value, onChange, required, shared }) {
  const chosen = value instanceof File;
  const typed = ({ target }) => onChange(target.value || undefined);
  const picked = ({ target }) => target.files[0] && onChange(target.files[0]);
  const { id, ...labelled } = shared;
  const onlyId = Boolean(schema.pattern);
  if (chosen) return html`<p class="file"><code class="grow">${value.name}</code><span class="quiet small">${value.size.toLocaleString()} bytes</span>
    <button type="button" id=${id} onClick=${() => onChange(undefined)}>Remove<span class="hidden"> ${value.name}</span></button></p>`;
  return html`<div class="file">
    <input type="file" ...${shared} onChange=${picked} required=${required && !value} />
    <input class="grow" ...${labelled} aria-label=${onlyId ? "or an upload's id" : "or an upload's id or a URL"} placeholder=${onlyId ? "or upload:…" : "or https://…"} value=${value ?? ""} onInput=${typed} />
  </div>`;
}

function Num({ schema, value, onChange, required, shared }) {
  const start = useRef(value); // the browser holds what is typed: "1." is no number yet
  const change = ({ target }) => onChange(target.value === "" ? undefined : Number(target.value));
  return html`<input type="number" ...${shared} defaultValue=${start.current ?? ""} onInput=${change} required=${required}
    min=${schema.minimum} max=${schema.maximum} step=${schema.type === "integer" ? 1 : "any"} placeholder=${hintOf(schema)} />`;
}

function Bool({ schema, value, onChange, shared }) {
  return html`<input type="checkbox" ...${shared} checked=${value ?? schema.default ?? false} onChange=${({ target }) => onChange(target.checked)} />`;
}

function Choice({ schema, value, onChange, required, shared }) {
  const texts = schema.enum.map((one) => JSON.stringify(one));
  const change = ({ target }) => onChange(target.value ? JSON.parse(target.value) : undefined);
  const none = required ? "Choose…" : (schema.default ?? null) !== null ? `Default: ${shown(schema.default)}` : "Not set";
  const current = value === undefined ? "" : JSON.stringify(value);
  return html`<select ...${shared} onChange=${change} required=${required}>
    <option value="" selected=${current === ""}>${none}</option>
    ${texts.map((text, at) => html`<option value=${text} selected=${text === current}>${shown(schema.enum[at])}</option>`)}
  </select>`;
}

function Members({ schema, value, onChange, path, required }) {
  const { root } = useContext(Form);
  if (value === undefined && !required) return html`<${Add} what="Set" onClick=${() => onChange(initial(schema, root, true) ?? {})} />`;
  const set = (name, one) => {
    const { [name]: _, ...others } = value ?? {};
    onChange(one === undefined ? others : { ...others, [name]: one });
  };
  const names = Object.keys(schema.properties);
  names.sort((one, other) => isRequired(schema, other) - isRequired(schema, one));
  return html`<div class="fields">${names.map((name) => html`<${Field} key=${name} name=${name} schema=${schema.properties[name]}
      value=${value?.[name]} onChange=${(one) => set(name, one)} path=${pointer(path, name)} required=${isRequired(schema, name)} />`)}
    ${!required && html`<button type="button" class="plain" onClick=${() => onChange(undefined)}>Leave out</button>`}</div>`;
}

/** Keys for entries that may be removed from between others: their controls go with them. */
function useKeys(count) {
  const keys = useRef([]);
  const last = useRef(0);
  while (keys.current.length < count) keys.current.push(++last.current);
  keys.current.length = count;
  return keys.current;
}

function List({ schema, value, onChange, path, required }) {
  const { root } = useContext(Form);
  const entries = value ?? [];
  const keys = useKeys(entries.length);
  const items = resolve(schema.items, root);
  const change = (changed) => onChange(changed.length || required ? changed : undefined);
  const remove = (at) => {
    keys.splice(at, 1);
    change(entries.filter((_, one) => one !== at));
  };
  const files = ({ target }) => change([...entries.filter((one) => one !== undefined && one !== ""), ...target.files]);
  return html`<div class="nested">
    ${entries.map((one, at) => html`<div class="item" key=${keys[at]}>
      <${Field} schema=${items} name=${`Entry ${at + 1}`} value=${one} path=${pointer(path, at)} required bare
        onChange=${(changed) => change(entries.map((old, place) => (place === at ? changed : old)))} />
      <${Remove} what=${`entry ${at + 1}`} onClick=${() => remove(at)} />
    </div>`)}
    <p class="bar">${!(entries.length >= schema.maxItems) && html`<${Add} what="Add" onClick=${() => change([...entries, initial(items, root, true)])} />`}
      ${takesFile(items) && html`<label class="button">Add files<input class="hidden" type="file" multiple onChange=${files} /></label>`}</p>
  </div>`;
}

function Tuple({ schema, value, onChange, path, required }) {
  const { root } = useContext(Form);
  if (value === undefined && !required) return html`<${Add} what="Set" onClick=${() => onChange(initial(schema, root, true))} />`;
  return html`<div class="nested fields">${schema.prefixItems.map((one, at) => html`<${Field} schema=${one} name=${`Entry ${at + 1}`}
    value=${value?.[at]} path=${pointer(path, at)} required onChange=${(changed) => onChange(schema.prefixItems.map((_, place) => (place === at ? changed : value?.[place])))} />`)}</div>`;
}

/** Members whose names are free. Two rows of one name: the later counts. */
function Rows({ schema, value, onChange, path, required }) {
  const { root } = useContext(Form);
  const [rows, setRows] = useState(() => Object.entries(value ?? {}));
  const keys = useKeys(rows.length);
  const member = resolve(schema.additionalProperties === true ? {} : schema.additionalProperties ?? {}, root);
  const change = (changed) => {
    setRows(changed);
    onChange(changed.length || required ? Object.fromEntries(changed) : undefined);
  };
  const set = (at, row) => change(rows.map((old, place) => (place === at ? row : old)));
  const remove = (at) => {
    keys.splice(at, 1);
    change(rows.filter((_, place) => place !== at));
  };
  return html`<div class="nested">${rows.map(([name, one], at) => html`<div class="item" key=${keys[at]}><div class="pair">
      <input aria-label=${`Name ${at + 1}`} placeholder="name" value=${name} required onInput=${({ target }) => set(at, [target.value, one])} />
      <${Field} schema=${member} name=${`Value of ${name || at + 1}`} value=${one} path=${pointer(path, name)} required bare onChange=${(changed) => set(at, [name, changed])} />
    </div><${Remove} what=${name || at + 1} onClick=${() => remove(at)} /></div>`)}
    <${Add} what="Add" onClick=${() => change([...rows, ["", initial(member, root, true)]])} /></div>`;
}

function Union({ schema, value, onChange, path, required, shared }) {
  const { root } = useContext(Form);
  const { others, nullable } = alternatives(schema, root);
  const [chosen, setChosen] = useState(() => others.findIndex((one) => fits(value, one, root)));
  const free = nullable || !required;
  const at = chosen < 0 && !free ? 0 : chosen;
  const choose = ({ target }) => {
    const next = Number(target.value);
    setChosen(next);
    onChange(next < 0 ? (required ? null : undefined) : initial(others[next], root, true));
  };
  const none = !required ? ((schema.default ?? null) !== null ? `Default: ${shown(schema.default)}` : "Not set") : "null";
  return html`<div class="nested fields"><select ...${shared} aria-label="Kind" onChange=${choose}>
      ${free && html`<option value="-1" selected=${at < 0}>${none}</option>`}
      ${others.map((one, place) => html`<option value=${place} selected=${place === at}>${nameOf(one, root)}</option>`)}
    </select>${at >= 0 && html`<${Field} key=${at} schema=${others[at]} name=${nameOf(others[at], root)} value=${value} path=${path} onChange=${onChange} required bare />`}</div>`;
}

function Any({ value, onChange, required, shared }) {
  const start = useRef(value === undefined ? "" : JSON.stringify(value, null, 2));
  const change = ({ target }) => {
    target.setCustomValidity("");
    if (!target.value.trim()) return onChange(required ? null : undefined);
    try {
      onChange(JSON.parse(target.value));
    } catch (error) {
      target.setCustomValidity(`This is not JSON: ${error.message}`);
    }
  };
  return html`<textarea class="json" ...${shared} placeholder="JSON" spellcheck=${false} defaultValue=${start.current} onInput=${change} />`;
}

const Remove = ({ what, onClick }) =>
  html`<button type="button" onClick=${onClick}><span aria-hidden="true">×</span><span class="hidden">Remove ${what}</span></button>`;
const Add = ({ what, onClick }) => html`<button type="button" onClick=${onClick}>${what}</button>`;
const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function hintOf({ default: fallback, examples }) {
  if (fallback !== undefined && fallback !== null && fallback !== "") return `Default: ${shown(fallback)}`;
  return examples?.length ? `For example ${shown(examples[0])}` : undefined;
}
