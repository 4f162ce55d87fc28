// Writes src/types.ts from openapi/openapi.json: what the gateway publishes is what the client is typed by.
// Usage: node scripts/generate.mjs [--check]
import fs from "node:fs";

const here = new URL(".", import.meta.url);
const document = JSON.parse(fs.readFileSync(new URL("../../../openapi/openapi.json", here), "utf8"));
const target = new URL("../src/types.ts", here);
const schemas = document.components.schemas;

const named = (reference) => reference.split("/").pop();
const comment = (text, indent) => (text ? `${indent}/** ${text.replace(/\*\//g, "* /").replace(/\n+/g, " ")} */\n` : "");
const quoted = (name) => (/^[a-z_$][\w$]*$/i.test(name) ? name : JSON.stringify(name));

// Words are open: known ones help the editor, others remain possible.
const words = (known) => `${known.map((word) => JSON.stringify(word)).join(" | ")} | (string & {})`;

function type(schema, indent) {
  if (schema === true || Object.keys(schema).length === 0) return "unknown";
  if (schema.$ref) return named(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
  for (const [key, joint] of [["anyOf", " | "], ["oneOf", " | "], ["allOf", " & "]]) {
    if (schema[key]) {
      const parts = schema[key].filter((part) => part.type !== "null").map((part) => type(part, indent));
      return parts.length === 1 ? parts[0] : `(${parts.join(joint)})`;
    }
  }
  const kinds = [schema.type ?? "unknown"].flat().filter((kind) => kind !== "null");
  return kinds.map((kind) => plain(kind, schema, indent)).join(" | ");
}

function plain(kind, schema, indent) {
  switch (kind) {
    case "string":
      return schema.examples?.length > 1 && schema.examples.every((word) => /^[a-z_.0-9]+$/i.test(word)) ? words(schema.examples) : "string";
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "array":
      return `Array<${type(schema.items ?? {}, indent)}>`;
    case "object":
      return object(schema, indent);
    default:
      return "unknown";
  }
}

function object(schema, indent) {
  if (!schema.properties) {
    return `Record<string, ${schema.additionalProperties ? type(schema.additionalProperties, indent) : "unknown"}>`;
  }
  const required = new Set(schema.required ?? []);
  const inner = `${indent}  `;
  const members = Object.entries(schema.properties).map(([name, member]) => {
    const mark = required.has(name) ? "" : "?";
    return `${comment(member.description, inner)}${inner}${quoted(name)}${mark}: ${type(member, inner)};\n`;
  });
  return `{\n${members.join("")}${indent}}`;
}

let text = "// Generated from openapi/openapi.json by scripts/generate.mjs. Words of open lists may be others than those known here.\n";
for (const [name, schema] of Object.entries(schemas)) {
  text += `\n${comment(schema.description, "")}export type ${name} = ${type(schema, "")};\n`;
}
const known = fs.existsSync(target) ? fs.readFileSync(target, "utf8") : "";
if (process.argv.includes("--check")) {
  if (known !== text) {
    console.error("src/types.ts differs from openapi/openapi.json: run node scripts/generate.mjs");
    process.exit(1);
  }
} else {
  fs.writeFileSync(target, text);
}
