// Markdown as far as documentation needs it: headings, paragraphs, lists, code, emphasis, links. What comes out is a tree
// of plain texts: HTML in it is shown as it is written. Pure.

export type Inline =
  | { kind: 'text' | 'code'; text: string }
  | { kind: 'strong' | 'em'; parts: Inline[] }
  | { kind: 'link'; href: string; parts: Inline[] };

export type Block =
  | { kind: 'heading'; level: number; parts: Inline[] }
  | { kind: 'paragraph'; parts: Inline[] }
  | { kind: 'list'; ordered: boolean; items: Inline[][] }
  | { kind: 'code'; text: string };

const mostLength = 30_000; // characters that are looked at
const deepest = 8;

// A link leads to the web or a mailbox; anything else (javascript: above all) stays text.
const safe = (href: string) => /^(https?:\/\/|mailto:|#\/)/i.test(href);

export function inline(text: string, depth = 0): Inline[] {
  if (depth > deepest) return [{ kind: 'text', text }];
  const out: Inline[] = [];
  // All lengths are bounded: a mark without its end is given up soon.
  const pattern = /`([^`]{1,2000})`|\*\*([^*]{1,1000}(?:\*[^*]{1,200}\*[^*]{0,200}){0,3})\*\*|\*([^*\s][^*]{0,500})\*|\b_([^_\s][^_]{0,500})_\b|\[([^\]]{1,500})\]\(([^()\s]{1,2000})\)|(https?:\/\/[^\s<>()]{1,2000}[^\s<>().,;:!?])/g;
  let from = 0;
  for (const found of text.matchAll(pattern)) {
    const [all, code, strong, star, under, label, href, bare] = found;
    if (found.index > from) out.push({ kind: 'text', text: text.slice(from, found.index) });
    from = found.index + all.length;
    if (code !== undefined) out.push({ kind: 'code', text: code });
    else if (strong !== undefined) out.push({ kind: 'strong', parts: inline(strong, depth + 1) });
    else if (star !== undefined || under !== undefined) out.push({ kind: 'em', parts: inline(star ?? under ?? '', depth + 1) });
    else if (bare !== undefined) out.push({ kind: 'link', href: bare, parts: [{ kind: 'text', text: bare }] });
    else if (href !== undefined && safe(href)) out.push({ kind: 'link', href, parts: inline(label ?? '', depth + 1) });
    else out.push({ kind: 'text', text: all });
  }
  if (from < text.length) out.push({ kind: 'text', text: text.slice(from) });
  return out;
}

const item = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/;

export function markdown(source: string): Block[] {
  const lines = source.slice(0, mostLength).replace(/\r\n?/g, '\n').split('\n');
  const blocks: Block[] = [];
  let words: string[] = [];
  const end = () => {
    if (words.length > 0) blocks.push({ kind: 'paragraph', parts: inline(words.join(' ')) });
    words = [];
  };
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const fence = /^\s*(```|~~~)/.exec(line)?.[1];
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (fence !== undefined) {
      end();
      const code: string[] = [];
      for (at += 1; at < lines.length && !(lines[at] ?? '').trim().startsWith(fence); at += 1) code.push(lines[at] ?? '');
      blocks.push({ kind: 'code', text: code.join('\n') });
    } else if (heading) {
      end();
      blocks.push({ kind: 'heading', level: heading[1]?.length ?? 1, parts: inline(heading[2] ?? '') });
    } else if (item.test(line) && words.length === 0) {
      const items: string[] = [];
      const ordered = item.exec(line)?.[1] !== undefined;
      for (; at < lines.length && (lines[at] ?? '').trim() !== ''; at += 1) {
        const found = item.exec(lines[at] ?? '');
        if (found) items.push(found[2] ?? '');
        else items[items.length - 1] += ` ${(lines[at] ?? '').trim()}`;
      }
      blocks.push({ kind: 'list', ordered, items: items.map((text) => inline(text)) });
    } else if (line.trim() === '') {
      end();
    } else {
      words.push(line.trim());
    }
  }
  end();
  if (source.length > mostLength) blocks.push({ kind: 'paragraph', parts: [{ kind: 'text', text: '…' }] });
  return blocks;
}
