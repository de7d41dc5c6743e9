import { useMemo } from 'preact/hooks';
import type { DiffLine } from '../lib/diff';
import { jsonTokens } from '../lib/json_tokens';

const signs: Record<DiffLine['kind'], string> = { same: ' ', gone: '−', new: '+' };

function Line({ line, hasBoth, isChosen, onNumber }: { line: DiffLine; hasBoth: boolean; isChosen: boolean; onNumber: ((at: number) => void) | undefined }) {
  const at = line.after ?? line.before ?? 0;
  return (
    <div class={`code-line code-${line.kind} ${isChosen ? 'is-chosen' : ''}`} data-line={at}>
      {hasBoth && <span class="code-number">{line.before ?? ''}</span>}
      {onNumber ? (
        <button type="button" class="code-number" tabIndex={-1} onClick={() => onNumber(at)}>
          {at}
        </button>
      ) : (
        <span class="code-number">{line.after ?? ''}</span>
      )}
      {hasBoth && <span class="code-sign">{signs[line.kind]}</span>}
      <span class="code-text">{jsonTokens(line.text).map((token, number) => (token.kind === 'plain' ? token.text : <span key={number} class={`token-${token.kind}`}>{token.text}</span>))}</span>
    </div>
  );
}

interface Props {
  lines: readonly DiffLine[];
  hasBoth: boolean; // two numbers and a sign: a comparison
  chosen?: number; // the line that is pointed at
  onNumber?: (at: number) => void;
}

/** Numbered lines of JSON. Drawn once for the same lines. */
export function CodeLines({ lines, hasBoth, chosen = 0, onNumber }: Props) {
  return useMemo(
    () => <>{lines.map((line) => <Line key={`${line.before} ${line.after}`} line={line} hasBoth={hasBoth} isChosen={chosen > 0 && line.after === chosen} onNumber={onNumber} />)}</>,
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what a click does is the same whichever drawing it is of
    [lines, hasBoth, chosen],
  );
}
