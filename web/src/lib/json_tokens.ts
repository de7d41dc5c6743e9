// A line of JSON in its parts, for colours. A text that is no JSON comes out whole all the same. Pure.

export interface Token {
  kind: 'key' | 'string' | 'number' | 'word' | 'plain';
  text: string;
}

const most = 5000; // characters of a line that are coloured

export function jsonTokens(line: string): Token[] {
  const tokens: Token[] = [];
  const add = (kind: Token['kind'], text: string) => {
    if (text !== '') tokens.push({ kind, text });
  };
  const seen = line.slice(0, most);
  let from = 0;
  for (const found of seen.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b|\b(?:true|false|null)\b/g)) {
    const [all, text, colon] = found;
    add('plain', seen.slice(from, found.index));
    from = found.index + all.length;
    if (text === undefined) add(/^[tfn]/.test(all) ? 'word' : 'number', all);
    else {
      add(colon === undefined ? 'string' : 'key', text);
      add('plain', colon ?? '');
    }
  }
  add('plain', seen.slice(from) + line.slice(most));
  return tokens;
}
