// The TypeScript types of the API's objects, out of the server's own OpenAPI document.
//   node api_types.mjs PROGRAM FILE           writes FILE; PROGRAM prints the document
//   node api_types.mjs --check PROGRAM FILE   exit code 1 when FILE is not what would be written
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const widest = 120;
const heading = `// The API's objects. Made by api_types.mjs out of the server's OpenAPI document: not to be edited, but
// renewed by \`./dev build web_api_types\` whenever the document has changed (a test says so).

`;

const plain = { string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null', object: 'Record<string, unknown>' };

/** One JSON Schema, as far as the document goes, as a TypeScript type. */
export function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split('/').at(-1);
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.map(typeOf).join(' | ');
  if (schema.enum) return schema.enum.map((value) => (value === null ? 'null' : `'${value}'`)).join(' | ');
  if (schema.type === 'array') {
    const item = typeOf(schema.items);
    return item.includes(' ') && !item.startsWith('Record') ? `(${item})[]` : `${item}[]`;
  }
  if (schema.type === undefined) return 'unknown';
  return [schema.type].flat().map((name) => plain[name] ?? never(`type ${name}`)).join(' | ');
}

function never(what) {
  throw new Error(`api_types.mjs does not know the ${what}`);
}

// As many members on a line as fit: some objects have forty.
function interfaceOf(name, schema) {
  const required = new Set(schema.required);
  const lines = [''];
  for (const [member, type] of Object.entries(schema.properties)) {
    const text = `${member}${required.has(member) ? '' : '?'}: ${typeOf(type)};`;
    const last = lines.at(-1);
    if (last === '') lines[lines.length - 1] = `  ${text}`;
    else if (last.length + text.length < widest) lines[lines.length - 1] = `${last} ${text}`;
    else lines.push(`  ${text}`);
  }
  return `export interface ${name} {\n${lines.join('\n')}\n}\n`;
}

export function typesOf(document) {
  const all = Object.entries(document.components.schemas).map(([name, schema]) => interfaceOf(name, schema));
  return heading + all.join('\n');
}

function main(args) {
  const check = args[0] === '--check';
  const [program, file] = check ? args.slice(1) : args;
  const wanted = typesOf(JSON.parse(execFileSync(program, { encoding: 'utf8', maxBuffer: 64 << 20 })));
  if (!check) return writeFileSync(file, wanted);
  if (readFileSync(file, 'utf8') === wanted) return undefined;
  console.error(`${file} is not what the OpenAPI document says: renew it with ./dev build web_api_types`);
  process.exitCode = 1;
  return undefined;
}

if (process.argv[1]?.endsWith('api_types.mjs')) main(process.argv.slice(2));
