// A text that is edited in CodeMirror, which is loaded when the first one is shown.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Editor, SqlTables, TextProblem } from '../editor/editor';
import { ownTexts } from '../lib/own_texts';
import { t } from '../lib/words';

interface Props {
  text: string;
  language: 'json' | 'sql';
  label: string;
  describedBy?: string;
  problems?: readonly TextProblem[];
  tables?: SqlTables;
  keys?: Readonly<Record<string, () => void>>; // the same names at each drawing: "Mod-s"
  isReadOnly?: boolean;
  onChange: (text: string) => void;
  onReady?: (editor: Editor | null) => void;
}

const noProblems: readonly TextProblem[] = [];
const noTables: SqlTables = {};

const phrases = () => ({
  Completions: t('Completions'),
  Diagnostics: t('Problems'),
  'No diagnostics': t('No problems'),
  close: t('Close'),
});

export function CodeEditor({ text, language, label, describedBy, problems = noProblems, tables = noTables, keys = {}, isReadOnly = false, onChange, onReady }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const [editor, setEditor] = useState<Editor | null>(null);
  const [failed, setFailed] = useState(false);
  const latest = useRef({ text, keys, onChange, onReady });
  const [own] = useState(ownTexts);
  latest.current = { text, keys, onChange, onReady };
  useEffect(() => {
    let made: Editor | null = null;
    let isGone = false;
    import('../editor/editor')
      .then(({ makeEditor }) => {
        if (isGone || !host.current) return;
        made = makeEditor(host.current, {
          text: latest.current.text,
          language,
          label,
          phrases: phrases(),
          isReadOnly,
          keys: Object.keys(latest.current.keys).map((key) => ({ key, run: () => latest.current.keys[key]?.() })),
          onChange: (next) => {
            own.tell(next);
            latest.current.onChange(next);
          },
          ...(describedBy === undefined ? {} : { describedBy }),
        });
        setEditor(made);
        latest.current.onReady?.(made);
      })
      .catch(() => !isGone && setFailed(true));
    return () => {
      isGone = true;
      made?.destroy();
      latest.current.onReady?.(null);
    };
  }, [language, label, describedBy, own, isReadOnly]);
  useEffect(() => {
    if (!own.takes(text)) editor?.setText(text);
  }, [editor, text, own]);
  useEffect(() => editor?.setProblems(problems), [editor, problems]);
  useEffect(() => editor?.setTables(tables), [editor, tables]);
  return (
    <div class="editor-box">
      {failed && <p class="notice notice-error" role="alert">{t('The editor could not be loaded: load the page anew, as the server may have a newer one.')}</p>}
      {!editor && !failed && <p class="loading" role="status">{t('Loading…')}</p>}
      <div class="editor-host" ref={host} />
    </div>
  );
}
