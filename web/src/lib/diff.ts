// Two texts, line by line: what stayed, what came, what went. Pure.

export interface DiffLine {
  kind: 'same' | 'gone' | 'new';
  before: number | null; // its number in the older text, from 1 on
  after: number | null; // in the newer one
  text: string;
}

const mostSteps = 3000; // edits that are looked for one by one; texts that differ more are shown as one gone, one new

export const linesOf = (text: string): string[] => text.replace(/\n$/, '').split('\n');

// The shortest way from a to b (Myers): of each number of edits, how far each diagonal gets. null: it is too long.
function editPath(a: readonly string[], b: readonly string[]): Int32Array[] | null {
  const most = Math.min(a.length + b.length, mostSteps);
  const reach = new Int32Array(2 * most + 3);
  const middle = most + 1;
  const trace: Int32Array[] = [];
  for (let steps = 0; steps <= most; steps += 1) {
    trace.push(reach.slice(middle - steps - 1, middle + steps + 2));
    for (let k = -steps; k <= steps; k += 2) {
      const down = k === -steps || (k !== steps && (reach[middle + k - 1] ?? 0) < (reach[middle + k + 1] ?? 0));
      let x = down ? (reach[middle + k + 1] ?? 0) : (reach[middle + k - 1] ?? 0) + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) [x, y] = [x + 1, y + 1];
      reach[middle + k] = x;
      if (x >= a.length && y >= b.length) return trace;
    }
  }
  return null;
}

function middleLines(a: readonly string[], b: readonly string[], from: number): DiffLine[] {
  const gone = (x: number): DiffLine => ({ kind: 'gone', before: from + x + 1, after: null, text: a[x] ?? '' });
  const come = (y: number): DiffLine => ({ kind: 'new', before: null, after: from + y + 1, text: b[y] ?? '' });
  const trace = editPath(a, b);
  if (trace === null) return [...a.map((_, x) => gone(x)), ...b.map((_, y) => come(y))];
  const back: DiffLine[] = [];
  let [x, y] = [a.length, b.length];
  for (let steps = trace.length - 1; steps >= 0; steps -= 1) {
    const reach = trace[steps] as Int32Array; // of the diagonals -steps-1 to steps+1
    const at = (k: number) => reach[k + steps + 1] ?? 0;
    const k = x - y;
    const down = k === -steps || (k !== steps && at(k - 1) < at(k + 1));
    const before = down ? k + 1 : k - 1;
    const fromX = steps === 0 ? 0 : at(before);
    const fromY = steps === 0 ? 0 : fromX - before;
    while (x > fromX && y > fromY) {
      [x, y] = [x - 1, y - 1];
      back.push({ kind: 'same', before: from + x + 1, after: from + y + 1, text: a[x] ?? '' });
    }
    if (steps === 0) break;
    if (down) back.push(come((y -= 1)));
    else back.push(gone((x -= 1)));
  }
  return back.reverse();
}

export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const same = (x: number, y: number): DiffLine => ({ kind: 'same', before: x + 1, after: y + 1, text: a[x] ?? '' });
  return [
    ...Array.from({ length: start }, (_, at) => same(at, at)),
    ...middleLines(a.slice(start, a.length - end), b.slice(start, b.length - end), start),
    ...Array.from({ length: end }, (_, at) => same(a.length - end + at, b.length - end + at)),
  ];
}

export type DiffPart = { kind: 'lines'; lines: readonly DiffLine[] } | { kind: 'folded'; lines: readonly DiffLine[] };

/** What is far from any change is folded: `around` lines before and behind one stay. */
export function foldSame(lines: readonly DiffLine[], around = 3): DiffPart[] {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, at) => {
    if (line.kind !== 'same') near.fill(1, Math.max(0, at - around), at + around + 1);
  });
  const parts: { kind: 'lines' | 'folded'; lines: DiffLine[] }[] = [];
  lines.forEach((line, at) => {
    const kind = near[at] === 1 ? 'lines' : 'folded';
    const last = parts.at(-1);
    if (last?.kind === kind) last.lines.push(line);
    else parts.push({ kind, lines: [line] });
  });
  // One line more is no more than what says that it is folded.
  return parts.map((part) => (part.kind === 'folded' && part.lines.length === 1 ? { ...part, kind: 'lines' as const } : part));
}

export interface Change {
  added: number;
  gone: number;
}

export const countChanges = (lines: readonly DiffLine[]): Change => ({
  added: lines.filter((line) => line.kind === 'new').length,
  gone: lines.filter((line) => line.kind === 'gone').length,
});
