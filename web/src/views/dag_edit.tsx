// A DAG's file, edited: checked by the server while one types, with the DAG that it would be, and saved over what was read.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import * as api from '../api/endpoints';
import type { DagFile, DagFileCheck, DagFileProblem } from '../api/types';
import { CodeEditor } from '../components/code_editor';
import { ErrorBox, Loaded } from '../components/loaded';
import type { Editor } from '../editor/editor';
import { draftOf, keepDraft, placeOf, placeOfTask, problemText, toTextProblems } from '../lib/dag_text';
import { number } from '../lib/format';
import { useApp, useDebounced, useResource } from '../lib/hooks';
import { t } from '../lib/words';
import { Comparison } from './comparison';
import { DagGraph } from './dag_graph';

const checkAfterMs = 400;
const noProblems: readonly DagFileProblem[] = [];

interface Checked {
  text: string;
  answer: DagFileCheck;
}

// The newest answer about a text; one that is being typed is not asked about until it rests.
function useCheck(dag: string, text: string) {
  const resting = useDebounced(text, checkAfterMs);
  const asked = useResource<Checked>(async (signal) => ({ text: resting, answer: await api.checkDagFile(dag, resting, signal) }), [dag, resting]);
  const last = useRef<Checked | null>(null);
  const drawn = useRef<Checked | null>(null);
  if (asked.data) last.current = asked.data;
  if (asked.data && asked.data.answer.tasks.length > 0) drawn.current = asked.data;
  return { checked: last.current, drawn: drawn.current, isNew: asked.data?.text === text, error: asked.error };
}

function Problems({ of, kind, onGo }: { of: readonly DagFileProblem[]; kind: 'error' | 'warning'; onGo: (problem: DagFileProblem) => void }) {
  if (of.length === 0) return null;
  return (
    <ul class={`edit-problems edit-${kind}`} aria-label={kind === 'error' ? t('Errors') : t('Warnings')}>
      {of.map((one, at) => (
        <li key={at}>
          {one.line > 0 && (
            <button type="button" class="link-button" onClick={() => onGo(one)}>
              {t('Line {line}', { line: one.line })}
            </button>
          )}{' '}
          {problemText(one)}
        </li>
      ))}
    </ul>
  );
}

// What somebody else made of the file meanwhile, against what is written here.
function Conflict({ theirs, mine, onMine, onTheirs }: { theirs: DagFile; mine: string; onMine: () => void; onTheirs: () => void }) {
  return (
    <section class="edit-conflict" aria-label={t('Changed meanwhile')}>
      <div class="notice notice-error" role="alert">
        <span>{t('Somebody else has changed this file since you read it. Below: their text, and what yours would change in it.')}</span>
        <button type="button" class="button" onClick={onTheirs}>
          {t('Take theirs')}
        </button>
        <button type="button" class="button" onClick={onMine}>
          {t('Go on with mine')}
        </button>
      </div>
      <Comparison before={theirs.content ?? ''} after={mine} />
    </section>
  );
}

function Editing({ dag, file, onDone }: { dag: string; file: DagFile; onDone: () => void }) {
  const { notify } = useApp();
  const read = file.content ?? '';
  const [begun, setBegun] = useState({ text: read, hash: draftOf(dag)?.hash ?? file.hash ?? '' });
  const [text, setText] = useState(() => draftOf(dag)?.text ?? read);
  const [theirs, setTheirs] = useState<DagFile | null>(null);
  const [saving, setSaving] = useState(false);
  const [refused, setRefused] = useState<Error | null>(null);
  const editor = useRef<Editor | null>(null);
  const { checked, drawn, isNew, error } = useCheck(dag, text);
  const isChanged = text !== begun.text;
  const errors = checked?.answer.errors ?? noProblems;
  const warnings = checked?.answer.warnings ?? noProblems;
  useEffect(() => keepDraft(dag, isChanged ? { text, hash: begun.hash } : null), [dag, text, isChanged, begun.hash]);
  useEffect(() => {
    if (!isChanged) return undefined;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [isChanged]);
  const problems = useMemo(() => (checked && checked.text === text ? [...toTextProblems(text, errors, 'error'), ...toTextProblems(text, warnings.filter((one) => one.line > 0), 'warning')] : []), [checked, text, errors, warnings]);
  const go = (place: readonly [number, number] | null) => place && editor.current?.choose(...place);
  const leave = () => {
    keepDraft(dag, null);
    onDone();
  };
  const save = async () => {
    if (!isChanged || saving) return;
    setSaving(true);
    setRefused(null);
    try {
      await api.saveDagFile(dag, text, begun.hash);
      notify(t('Saved. The DAG is read anew within a second.'));
      leave();
    } catch (cause) {
      const now = cause instanceof ApiError && cause.status === 409 ? await api.dagFile(dag).catch(() => null) : null;
      if (now?.editable && now.hash !== begun.hash) setTheirs(now);
      else setRefused(cause as Error);
    } finally {
      setSaving(false);
    }
  };
  const follow = (next: DagFile, content: string) => {
    setBegun({ text: next.content ?? '', hash: next.hash ?? '' });
    setText(content);
    setTheirs(null);
  };
  const state = !isNew ? t('Checking…') : errors.length > 0 ? t('Errors: {count}', { count: number(errors.length) }) : t('No errors. Tasks: {count}', { count: number(checked?.answer.task_count ?? 0) });
  return (
    <section class="source" aria-label={t('Edit the file')}>
      <div class="toolbar">
        <button type="button" class="button button-primary" disabled={!isChanged || saving || !isNew || errors.length > 0 || theirs !== null} onClick={() => void save()}>
          {t('Save the file')}
        </button>
        <button type="button" class="button" onClick={leave}>
          {isChanged ? t('Throw the changes away') : t('Close')}
        </button>
        <span class="muted" role="status">
          {state}
        </span>
      </div>
      {error && <ErrorBox error={error} />}
      {refused && <ErrorBox error={refused} />}
      {theirs && <Conflict theirs={theirs} mine={text} onMine={() => follow(theirs, text)} onTheirs={() => follow(theirs, theirs.content ?? '')} />}
      <CodeEditor text={text} language="json" label={file.relative_fileloc} problems={problems} keys={{ 'Mod-s': () => void (isNew && errors.length === 0 && save()) }} onChange={setText} onReady={(made) => (editor.current = made)} />
      <Problems of={errors} kind="error" onGo={(one) => go(placeOf(text, one))} />
      <Problems of={warnings} kind="warning" onGo={(one) => go(placeOf(text, one))} />
      {drawn && (
        <>
          {drawn.text !== text && isNew && <p class="muted">{t('The picture is of the last text without errors.')}</p>}
          <DagGraph dag={dag} tasks={drawn.answer.tasks} groups={drawn.answer.groups} selected={null} onSelect={(task) => go(placeOfTask(text, task))} />
        </>
      )}
      {isNew && errors.length === 0 && (checked?.answer.task_count ?? 0) > 0 && checked?.answer.tasks.length === 0 && <p class="muted">{t('More tasks than are drawn while one types.')}</p>}
    </section>
  );
}

// Who may not edit it, or where nobody may, reads the newest version in the same place, and why it is no more.
function Reading({ dag, why, onDone }: { dag: string; why: string; onDone: () => void }) {
  const source = useResource((signal) => api.dagSource(dag, undefined, signal), [dag]);
  return (
    <section class="source" aria-label={t('Read the file')}>
      <div class="toolbar">
        <button type="button" class="button" onClick={onDone}>
          {t('Close')}
        </button>
      </div>
      <p class="notice notice-warning">
        {t('It can be read here, not edited:')} {why}
      </p>
      <Loaded of={source}>{(data) => <CodeEditor text={data.content ?? ''} language="json" label={t('The newest version of {dag}', { dag })} isReadOnly onChange={() => undefined} />}</Loaded>
    </section>
  );
}

export function DagEdit({ dag, onDone }: { dag: string; onDone: () => void }) {
  const file = useResource((signal) => api.dagFile(dag, signal), [dag]);
  if (file.error instanceof ApiError && file.error.status === 403) return <Reading dag={dag} why={file.error.message} onDone={onDone} />;
  return <Loaded of={file}>{(data) => (data.editable ? <Editing dag={dag} file={data} onDone={onDone} /> : <Reading dag={dag} why={data.reason ?? ''} onDone={onDone} />)}</Loaded>;
}
