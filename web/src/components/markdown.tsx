import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { markdown, type Block, type Inline } from '../lib/markdown';

function Part({ part }: { part: Inline }): VNode {
  switch (part.kind) {
    case 'text':
      return <>{part.text}</>;
    case 'code':
      return <code>{part.text}</code>;
    case 'strong':
      return <strong>{parts(part.parts)}</strong>;
    case 'em':
      return <em>{parts(part.parts)}</em>;
    case 'link':
      return (
        <a href={part.href} {...(part.href.startsWith('#') ? {} : { rel: 'noopener noreferrer', target: '_blank' })}>
          {parts(part.parts)}
        </a>
      );
  }
}

const parts = (list: readonly Inline[]) => list.map((part, at) => <Part key={at} part={part} />);

function One({ block }: { block: Block }): VNode {
  switch (block.kind) {
    // The page's own headings stand above: these begin at the third.
    case 'heading':
      return block.level <= 1 ? <h3>{parts(block.parts)}</h3> : <h4>{parts(block.parts)}</h4>;
    case 'paragraph':
      return <p>{parts(block.parts)}</p>;
    case 'code':
      return <pre class="code" tabIndex={0}>{block.text}</pre>;
    case 'list': {
      const items = block.items.map((one, at) => <li key={at}>{parts(one)}</li>);
      return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
  }
}

/** What people have written about a DAG, a task or a group. */
export function Markdown({ text }: { text: string }) {
  // The same text is the same drawing, however often what is around it is drawn.
  return useMemo(
    () => (
      <div class="markdown">
        {markdown(text).map((block, at) => (
          <One key={at} block={block} />
        ))}
      </div>
    ),
    [text],
  );
}
