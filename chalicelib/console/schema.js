// What a form has to know of a JSON Schema (2020-12, as GET /tasks and OpenAPI give it). Nothing is drawn here.

/** The schema that `$ref` names below `root`, with what stands beside the `$ref`. */
export function resolve(schema, root) {
  let found = schema ?? {};
  for (let steps = 0; (found.$ref || found.allOf?.length === 1) && steps < 20; steps++) {
    const { $ref, allOf, ...beside } = found;
    found = { ...($ref ? at($ref, root) : allOf[0]), ...beside };
  }
  return found;
}

function at(reference, root) {
  const steps = reference.replace(/^#\//, "").split("/");
  return steps.reduce((place, step) => place?.[step.replace(/~1/g, "/").replace(/~0/g, "~")], root) ?? {};
}

/** The only value that a schema allows, as tags of unions have; undefined where it allows others. */
export const onlyOf = (schema) => ("const" in schema ? schema.const : schema.enum?.length === 1 ? schema.enum[0] : undefined);

/** const, enum, union, object, map, tuple, array, string, number, integer, boolean, null or any. */
export function kindOf(schema) {
  if (onlyOf(schema) !== undefined) return "const";
  if (schema.enum) return "enum";
  if (schema.anyOf || schema.oneOf || Array.isArray(schema.type)) return "union";
  if (schema.type === "object") return schema.properties ? "object" : "map";
  if (schema.type === "array") return schema.prefixItems ? "tuple" : "array";
  return schema.type ?? "any";
}

/** The alternatives of a union, each resolved, without null; and whether null is one. */
export function alternatives(schema, root) {
  const all = flat(schema, root);
  const others = all.filter((one) => kindOf(one) !== "null" && onlyOf(one) !== null);
  return { others, nullable: others.length < all.length };
}

/** A union within a union is one with it. */
function flat({ anyOf, oneOf, type, ...beside }, root) {
  const given = anyOf ?? oneOf ?? type.map((one) => ({ ...beside, type: one }));
  return given.map((one) => resolve(one, root)).flatMap((one) => (kindOf(one) === "union" ? flat(one, root) : one));
}

const WORDS = { string: "text", integer: "whole number", boolean: "yes or no", array: "list", tuple: "list", any: "JSON" };

export function nameOf(schema, root) {
  const kind = kindOf(schema);
  if (kind === "const") return JSON.stringify(onlyOf(schema));
  if (kind === "enum") return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (kind === "union") {
    const { others, nullable } = alternatives(schema, root);
    return [...others.map((one) => nameOf(one, root)), ...(nullable ? ["null"] : [])].join(" | ");
  }
  if (kind === "array" && schema.items) return `list of ${nameOf(resolve(schema.items, root), root)}`;
  return schema.title ?? WORDS[kind] ?? kind;
}

/** Limits in words: "1 to 60", "at most 8 entries". */
export function limitsOf(schema) {
  const between = (least, most, unit) => {
    if (least === undefined && most === undefined) return null;
    const range = most === undefined ? `at least ${least}` : least === undefined ? `at most ${most}` : `${least} to ${most}`;
    return `${range}${(most ?? least) === 1 ? unit.replace(/s$/, "").replace("entrie", "entry") : unit}`;
  };
  return [
    between(schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum, ""),
    between(schema.minLength, schema.maxLength, " characters"),
    between(schema.minItems, schema.maxItems, " entries"),
    between(schema.minProperties, schema.maxProperties, " members"),
    schema.format,
  ].filter(Boolean).join(", ");
}

/** Whether a text may name an upload: its pattern, or an example, begins with `upload:`. */
export function takesFile(schema) {
  return [schema.pattern?.replace(/^\^/, ""), ...(schema.examples ?? [])].some((one) => String(one ?? "").startsWith("upload:"));
}

/** What a form begins with. undefined: left out, or still to be filled in. */
export function initial(schema, root, required) {
  if (kindOf(schema) === "const") return onlyOf(schema);
  if (!required) return undefined;
  if ("default" in schema) return schema.default;
  switch (kindOf(schema)) {
    case "object":
      return Object.fromEntries(Object.keys(schema.properties)
        .map((name) => [name, initial(resolve(schema.properties[name], root), root, isRequired(schema, name))])
        .filter(([, value]) => value !== undefined));
    case "array": {
      const one = initial(resolve(schema.items, root), root, true);
      return Array(Math.min(schema.minItems ?? 0, 20)).fill(one);
    }
    case "tuple": return schema.prefixItems.map((one) => initial(resolve(one, root), root, true));
    case "union": {
      const { others, nullable } = alternatives(schema, root);
      return nullable ? null : initial(others[0], root, true);
    }
    case "map": return {};
    case "boolean": return false;
    case "string": return takesFile(schema) ? undefined : "";
    case "null": case "any": return null;
    default: return undefined;
  }
}

export const isRequired = (schema, name) => (schema.required ?? []).includes(name);

/** Whether a value may be meant by this schema: enough to choose between the alternatives of a union. */
export function fits(value, schema, root) {
  if (value === undefined) return false;
  if (value instanceof File) return takesFile(schema);
  switch (kindOf(schema)) {
    case "const": return value === onlyOf(schema);
    case "enum": return schema.enum.includes(value);
    case "union": return alternatives(schema, root).others.some((one) => fits(value, one, root));
    case "object": return isMembers(value) && Object.entries(schema.properties).every(([name, one]) => {
      const member = resolve(one, root);
      return kindOf(member) !== "const" || value[name] === onlyOf(member);
    }) && (schema.required ?? []).every((name) => name in value || kindOf(resolve(schema.properties[name], root)) !== "const");
    case "map": return isMembers(value);
    case "array": case "tuple": return Array.isArray(value);
    case "integer": return Number.isInteger(value);
    case "any": return true;
    default: return typeof value === schema.type;
  }
}

const isMembers = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The value with its files replaced, by what `put` makes of each. */
export async function replaceFiles(value, put) {
  if (value instanceof File) return put(value);
  if (Array.isArray(value)) {
    const entries = [];
    for (const one of value) entries.push(await replaceFiles(one, put));
    return entries;
  }
  if (!isMembers(value)) return value;
  const members = [];
  for (const [name, one] of Object.entries(value)) members.push([name, await replaceFiles(one, put)]);
  return Object.fromEntries(members);
}

export const pointer = (path, name) => `${path}/${String(name).replace(/~/g, "~0").replace(/\//g, "~1")}`;
