import { useRef } from 'preact/hooks';

export interface Tab {
  id: string;
  label: string;
}

interface Props {
  tabs: readonly Tab[];
  current: string;
  label: string;
  onChange: (id: string) => void;
}

/** A tab list by the book: arrows move, one tab stop, the panel belongs to the caller. */
export function Tabs({ tabs, current, label, onChange }: Props) {
  const list = useRef<HTMLDivElement>(null);
  const stop = tabs.some((tab) => tab.id === current) ? current : tabs[0]?.id;
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const at = tabs.findIndex((tab) => tab.id === current);
    const next = (at + step + tabs.length) % tabs.length;
    onChange(tabs[next]?.id ?? current);
    list.current?.querySelectorAll('button')[next]?.focus();
  };
  return (
    // eslint-disable-next-line jsx-a11y/interactive-supports-focus -- its tabs have the focus
    <div class="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={onKeyDown}>
      {tabs.map((tab) => (
        <button
          key={tab.id}
          type="button"
          role="tab"
          class="tab"
          aria-selected={tab.id === current}
          tabIndex={tab.id === stop ? 0 : -1}
          onClick={() => onChange(tab.id)}
        >
          {tab.label}
        </button>
      ))}
    </div>
  );
}
