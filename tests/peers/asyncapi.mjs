// Says what is wrong with an AsyncAPI document. Usage: node asyncapi.mjs FILE
import fs from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.PEERS}/`);
const { Parser } = require("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(fs.readFileSync(process.argv[2], "utf8"));
const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 0);
for (const error of errors) {
  console.error(`${error.path.join("/")}: ${error.message}`);
}
process.exit(document && errors.length === 0 ? 0 : 1);
