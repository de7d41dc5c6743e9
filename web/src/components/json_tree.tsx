import { useState } from 'preact/hooks';
import { number } from '../lib/format';
import { childrenOf, isOpenAtFirst, kindOf, summaryText } from '../lib/json_tree';
import { jsonText } from '../lib/exact_json';
import { t } from '../lib/words';

const step = 200; // children that are drawn at once
const longText = 2000;
const deepest = 40; // what lies deeper is shown as text

function Leaf({ value }: { value: unknown }) {
  const [whole, setWhole] = useState(false);
  const kind = kindOf(value);
  const text = jsonText(value);
  const cut = !whole && text.length > longText;
  return (
    <span class={`token-${kind === 'object' || kind === 'array' ? 'plain' : kind}`}>
      {cut ? text.slice(0, longText) : text}
      {cut && (
        <button type="button" class="link-button" onClick={() => setWhole(true)}>
          {t('{count} more characters', { count: number(text.length - longText) })}
        </button>
      )}
    </span>
  );
}

function Branch({ name, value, depth }: { name: string | null; value: unknown; depth: number }) {
  const [isOpen, setOpen] = useState(() => isOpenAtFirst(value, depth));
  const [shown, setShown] = useState(step);
  const children = isOpen ? childrenOf(value) : [];
  return (
    <details class="json-branch" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {name !== null && <span class="token-key">{name}</span>} <span class="muted">{summaryText(value)}</span>
      </summary>
      <ul>
        {children.slice(0, shown).map((child) => (
          <li key={child.name}>
            <JsonTree name={child.name} value={child.value} depth={depth + 1} />
          </li>
        ))}
        {children.length > shown && (
          <li>
            <button type="button" class="link-button" onClick={() => setShown(shown + step)}>
              {t('{count} more', { count: number(children.length - shown) })}
            </button>
          </li>
        )}
      </ul>
    </details>
  );
}

/** A JSON value: what holds others is folded and unfolded; large ones are drawn in part. */
export function JsonTree({ name, value, depth = 0 }: { name: string | null; value: unknown; depth?: number }) {
  if (childrenOf(value).length > 0 && depth < deepest) return <Branch name={name} value={value} depth={depth} />;
  return (
    <span class="json-leaf">
      {name !== null && <span class="token-key">{name}</span>} <Leaf value={value} />
    </span>
  );
}
