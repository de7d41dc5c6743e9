// The file of a DAG as it was read, of any version that is kept, and what changed between two of them.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import { Choice } from '../components/choice';
import { CodeLines } from '../components/code_lines';
import { Empty, Loaded } from '../components/loaded';
import { countOf } from '../lib/address';
import { linesOf, type DiffLine } from '../lib/diff';
import { number } from '../lib/format';
import { useApp, useResource, useSearch } from '../lib/hooks';
import { useMay } from '../lib/may';
import { t } from '../lib/words';
import { Comparison } from './comparison';
import { DagEdit } from './dag_edit';
import { useVersions, VersionChoice } from './version_choice';

const mostLines = 5000; // more are shown when asked for

function Whole({ text, chosen, onChoose }: { text: string; chosen: number; onChoose: (line: number) => void }) {
  const lines = useMemo<DiffLine[]>(() => linesOf(text).map((line, at) => ({ kind: 'same', before: at + 1, after: at + 1, text: line })), [text]);
  const [all, setAll] = useState(chosen > mostLines);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (chosen > 0) box.current?.querySelector(`[data-line="${chosen}"]`)?.scrollIntoView({ block: 'center' });
  }, [chosen]);
  const shown = useMemo(() => (all ? lines : lines.slice(0, mostLines)), [all, lines]);
  return (
    <div class="code-box" ref={box} tabIndex={0} role="region" aria-label={t('Lines')}>
      <CodeLines lines={shown} hasBoth={false} chosen={chosen} onNumber={onChoose} />
      {shown.length < lines.length && (
        <button type="button" class="log-note log-on" onClick={() => setAll(true)}>
          {t('Show all {count} lines', { count: number(lines.length) })}
        </button>
      )}
    </div>
  );
}

function Copy({ text }: { text: string }) {
  const { notify } = useApp();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      notify(t('Copied.'));
    } catch {
      notify(t('The browser does not let the page copy: select the text instead.'), 'error');
    }
  };
  return (
    <button type="button" class="button" onClick={() => void copy()}>
      {t('Copy')}
    </button>
  );
}

// Shown to who may edit the DAG where the operator lets people: then the file has a text for editing.
function EditButton({ dag, onEdit }: { dag: string; onEdit: () => void }) {
  const may = useMay('edit', `dag:${dag}`);
  const file = useResource((signal) => (may ? api.dagFile(dag, signal) : Promise.resolve(null)), [may, dag]);
  if (!file.data?.editable) return null;
  return (
    <button type="button" class="button" onClick={onEdit}>
      {t('Edit the file')}
    </button>
  );
}

export function DagSource({ dag, version }: { dag: string; version: number | undefined }) {
  const [search, change] = useSearch();
  const newest = version ?? 0;
  const shown = countOf(search, 'version', newest);
  const other = countOf(search, 'with', 0);
  const choices = useVersions(dag, newest);
  const source = useResource((signal) => api.dagSource(dag, shown || undefined, signal), [dag, shown]);
  const compared = useResource((signal) => (other === 0 ? Promise.resolve(null) : api.dagSource(dag, other, signal)), [dag, other]);
  if (search.get('edit') === 'yes') return <DagEdit dag={dag} onDone={() => change({ edit: null })} />;
  return (
    <section aria-label={t('Source')} class="source">
      <div class="toolbar">
        <VersionChoice choices={choices} shown={shown} newest={newest} onChange={(id) => change({ version: id, line: null })} />
        {choices.length > 1 && (
          <Choice label={t('Compare with')} value={other === 0 ? '' : String(other)} all={t('Compare with…')} choices={choices.filter((one) => one.id !== String(shown))} onChange={(id) => change({ with: id, line: null })} />
        )}
        {newest > 0 && <EditButton dag={dag} onEdit={() => change({ edit: 'yes', version: null, with: null, line: null })} />}
        {source.data?.content && <Copy text={source.data.content} />}
      </div>
      <Loaded of={source}>
        {(data) => {
          if (!data.content) return <Empty>{t('The source of this version is not kept.')}</Empty>;
          if (other === 0) return <Whole key={shown} text={data.content} chosen={countOf(search, 'line', 0)} onChoose={(line) => change({ line })} />;
          return (
            <Loaded of={compared}>
              {(before) =>
                before === null || !before.content ? (
                  <Empty>{t('The source of this version is not kept.')}</Empty>
                ) : (
                  // The older one is what was, whichever was chosen first.
                  <Comparison key={`${shown} ${other}`} {...(other < shown ? { before: before.content, after: data.content } : { before: data.content, after: before.content })} />
                )
              }
            </Loaded>
          );
        }}
      </Loaded>
    </section>
  );
}
