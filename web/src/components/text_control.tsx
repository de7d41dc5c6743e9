import { useEffect, useRef, useState } from 'preact/hooks';
import { withBreaksOf } from '../lib/params';

export interface ControlProps {
  id: string;
  name: string;
  'aria-describedby': string;
  'aria-invalid': boolean;
}

interface Props {
  common: ControlProps;
  text: string;
  original: string; // whose kind of line breaks an edited text keeps
  multiline: boolean;
  onChange: (text: string) => void;
}

const mostRows = 12;
const hasBreak = (text: string) => /[\r\n]/.test(text);

/**
 * One line, until the text has more: a browser's one-line control drops line breaks without a word. So
 * a text of several lines, shown or pasted, gets a control for several lines.
 */
export function TextControl({ common, text, original, multiline, onChange }: Props) {
  const [tall, setTall] = useState(multiline || hasBreak(text));
  const grown = useRef(false);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (!tall || !grown.current) return;
    grown.current = false;
    area.current?.focus();
  }, [tall]);
  const take = (event: Event, input: HTMLInputElement, data: DataTransfer | null) => {
    const more = data?.getData('text') ?? '';
    if (!hasBreak(more)) return;
    event.preventDefault();
    const [from, to] = [input.selectionStart ?? text.length, input.selectionEnd ?? text.length];
    onChange(text.slice(0, from) + more + text.slice(to));
    grown.current = true;
    setTall(true);
  };
  if (tall) {
    return (
      <textarea
        {...common}
        ref={area}
        rows={Math.min(mostRows, Math.max(2, text.split('\n').length + 1))}
        value={text}
        onInput={(event) => onChange(withBreaksOf(original, event.currentTarget.value))}
      />
    );
  }
  return (
    <input
      {...common}
      autoComplete="off"
      value={text}
      onInput={(event) => onChange(event.currentTarget.value)}
      onPaste={(event) => take(event, event.currentTarget, event.clipboardData)}
      onDrop={(event) => take(event, event.currentTarget, event.dataTransfer)}
    />
  );
}
