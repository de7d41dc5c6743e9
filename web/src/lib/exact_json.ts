// JSON whose whole numbers keep every digit. JavaScript's own numbers lose them above 2^53, so that
// a run would be shown, and started, with another number than the one that stands in its DAG.
// Beyond that limit a whole number is a bigint here; everything else is as in JSON.parse.

import { newUuid } from './uuid';

// Strings first: what looks like a number inside of one is none.
const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const maybeLarge = /\d{16}/;
const whole = /^-?\d+$/;

function isLarge(token: string): boolean {
  return whole.test(token) && !Number.isSafeInteger(Number(token));
}

/** Throws SyntaxError as JSON.parse does. */
export function parseJson(text: string): unknown {
  const plain: unknown = JSON.parse(text);
  if (!maybeLarge.test(text)) return plain;
  // A mark nobody can have written: it is made up for this one text.
  const mark = `${newUuid()}:`;
  const marked = text.replace(tokens, (token) => (isLarge(token) ? `"${mark}${token}"` : token));
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}

function write(value: unknown, step: string, margin: string): string | undefined {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = margin + step;
  const [open, close, members] = Array.isArray(value)
    ? ['[', ']', value.map((one) => write(one, step, inner) ?? 'null')]
    : ['{', '}', Object.entries(value).flatMap(([name, one]) => {
        const text = write(one, step, inner);
        return text === undefined ? [] : [`${JSON.stringify(name)}:${step && ' '}${text}`];
      })];
  if (members.length === 0) return open + close;
  return step ? `${open}\n${inner}${members.join(`,\n${inner}`)}\n${margin}${close}` : `${open}${members.join(',')}${close}`;
}

/** As JSON.stringify of plain data, with bigints as the numbers they are. */
export function jsonText(value: unknown, indent = 0): string {
  return write(value, ' '.repeat(indent), '') ?? 'null';
}
