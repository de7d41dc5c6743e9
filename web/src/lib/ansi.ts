// Terminal control sequences taken out of log text: colours, cursor moves, titles, and what is left of
// a line after carriage returns. What remains is shown as a text node.

// CSI, OSC (ended by BEL or ST), other two-byte escapes, and the C1 forms of CSI.
const sequences =
  /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]{0,4096}(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]|\u009b[0-?]*[ -/]*[@-~]/g;
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;
// Marks that reorder or hide text could make a line read as something else.
const reordering = /[\u202a-\u202e\u2066-\u2069]/g;

export function stripAnsi(text: string): string {
  let clean = text.replace(sequences, '');
  if (clean.includes('\r')) {
    clean = clean
      .split('\n')
      .map((line) => line.replace(/\r+$/, ''))
      .map((line) => line.slice(line.lastIndexOf('\r') + 1))
      .join('\n');
  }
  return clean.replace(controls, '').replace(reordering, '\ufffd');
}

export interface AnsiPart {
  text: string;
  style: string; // classes of css/log.css
}

const colours = /\u001b\[([\d;:]*)m/g;

interface Look {
  colour: string;
  marks: Set<string>;
}

const markOf: Readonly<Record<number, string>> = { 1: 'bold', 2: 'faint', 3: 'italic', 4: 'underline', 7: 'inverse' };
const markEnds: Readonly<Record<number, readonly string[]>> = { 22: ['bold', 'faint'], 23: ['italic'], 24: ['underline'], 27: ['inverse'] };

// The sixteen first colours have a name; of the others the text keeps its own.
const named = (value: number): string => (value < 16 ? String(value % 8) + (value > 7 ? ' ansi-bright' : '') : '');

// "38;5;n", "38;2;r;g;b", and with colons, one parameter: "38:5:n", "38:2:r:g:b", "38:2:space:r:g:b". Returns how many further
// parameters the colour took.
function changeColour(look: Look, parameters: readonly string[], at: number): number {
  const whole = parameters[at] ?? '';
  const isOne = whole.includes(':');
  const [code, kind, value = 0] = (isOne ? whole.split(':') : parameters.slice(at, at + 3)).map(Number);
  if (code === 38) look.colour = kind === 5 ? named(value) : '';
  return isOne ? 0 : kind === 5 ? 2 : kind === 2 ? 4 : 0;
}

function change(look: Look, codes: string): void {
  const parameters = codes.split(';');
  for (let at = 0; at < parameters.length; at += 1) {
    const [code = 0, kind] = (parameters[at] ?? '').split(':').map(Number);
    if (code === 0) {
      look.colour = '';
      look.marks.clear();
    } else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) {
      look.colour = String(code % 10) + (code >= 90 ? ' ansi-bright' : '');
    } else if (code === 39) {
      look.colour = '';
    } else if (code === 38 || code === 48 || code === 58) {
      at += changeColour(look, parameters, at);
    } else if (code === 4 && kind === 0) {
      look.marks.delete('underline');
    } else if (markOf[code]) {
      look.marks.add(markOf[code]);
    } else {
      for (const mark of markEnds[code] ?? []) look.marks.delete(mark);
    }
  }
}

/** A line's text with the colours that it asks for; every other sequence is taken out. */
export function ansiParts(line: string): AnsiPart[] {
  const text = line.includes('\r') ? (line.replace(/[\r\n]+$/, '').split('\r').pop() ?? '') : line;
  if (!text.includes('\u001b')) return [{ text: stripAnsi(text), style: '' }];
  const parts: AnsiPart[] = [];
  const look: Look = { colour: '', marks: new Set() };
  const add = (piece: string) => {
    const clean = stripAnsi(piece);
    if (clean === '') return;
    const style = [look.colour && `ansi-${look.colour}`, ...[...look.marks].map((mark) => `ansi-${mark}`)].filter((one) => one).join(' ');
    parts.push({ text: clean, style });
  };
  let from = 0;
  for (const found of text.matchAll(colours)) {
    add(text.slice(from, found.index));
    change(look, found[1] ?? '');
    from = found.index + found[0].length;
  }
  add(text.slice(from));
  return parts;
}
