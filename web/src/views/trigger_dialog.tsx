// Starting a run: a form made from the DAG's params, or the same as raw JSON.
import { useRef, useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import * as api from '../api/endpoints';
import type { DagDetails } from '../api/types';
import { Dialog } from '../components/dialog';
import { FormProblems, useLead } from '../components/form_problems';
import { Loaded } from '../components/loaded';
import { ParamFields } from '../components/param_field';
import { Tabs } from '../components/tabs';
import { parseJson } from '../lib/exact_json';
import { prettyJson } from '../lib/format';
import { useApp, useResource } from '../lib/hooks';
import { confOf, fieldsOf, problemsByField, toText, utcOf, type ConfResult, type Field } from '../lib/params';
import { runLink } from '../lib/route';
import { t } from '../lib/words';
import { BranchChoice } from './branch_choice';
import { DagFileNotice } from './dag_file_notice';
import { dateOf, factFields, factsBody, noFacts, RecentValues, startRun, TriggerMore, withoutSecrets, type RunFacts } from './trigger_more';

const modes = [
  { id: 'form', label: t('Form') },
  { id: 'json', label: 'JSON' },
];

type Texts = Record<string, string>;
const windowNames = ['start', 'end'] as const;
const titleOf = (name: (typeof windowNames)[number]) => (name === 'start' ? t('Start, UTC') : t('End, UTC'));
const branchField = { name: 'branch', title: t('Branch of the lake') };
const windowFields = windowNames.map((name) => ({ name, title: titleOf(name) }));

function formConf(fields: readonly Field[], texts: Texts, windowTexts: Texts): ConfResult {
  const result = confOf(fields, texts);
  for (const name of windowNames) {
    const time = utcOf(windowTexts[name] ?? '');
    if (time !== '') result.conf[name] = time;
  }
  const { start, end } = result.conf;
  if (typeof start === 'string' && typeof end === 'string' && start >= end && windowTexts['end']) {
    result.problems['end'] = t('Must be after the start.');
  }
  return result;
}

function jsonConf(text: string): ConfResult {
  try {
    const value = parseJson(text.trim() === '' ? '{}' : text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { conf: value as Record<string, unknown>, problems: {} };
    }
    return { conf: {}, problems: { '': t('The configuration must be a JSON object.') } };
  } catch (error) {
    return { conf: {}, problems: { '': t('Not valid JSON: {reason}', { reason: (error as Error).message }) } };
  }
}

interface WindowProps {
  texts: Texts;
  problems: Texts;
  onChange: (name: string, text: string) => void;
}

function DataWindow({ texts, problems, onChange }: WindowProps) {
  return (
    <details class="window" open={windowNames.some((name) => problems[name] !== undefined) || undefined}>
      <summary>{t('Data window (optional)')}</summary>
      <div class="window-fields">
        {windowNames.map((name) => (
          <label key={name} class="field" data-field={name}>
            <span class="field-name">{titleOf(name)}</span>
            <input
              type="datetime-local"
              name={name}
              step="1"
              value={texts[name] ?? ''}
              aria-invalid={problems[name] !== undefined}
              onInput={(event) => onChange(name, event.currentTarget.value)}
            />
            <span class="field-problem">{problems[name]}</span>
          </label>
        ))}
      </div>
      <p class="field-hint">{t('Left empty, the run takes the last complete interval of the schedule.')}</p>
    </details>
  );
}

interface FormProps {
  details: DagDetails;
  start: Partial<RunFacts>; // what the run is to have beside its params
  onClose: () => void;
}

// In the order of the form; what an earlier run had besides is left out.
function textsOf(fields: readonly Field[], conf: Record<string, unknown>): Texts {
  return Object.fromEntries(fields.filter(({ name, secret }) => name in conf && !secret).map(({ name, kind }) => [name, kind === 'boolean' ? String(conf[name] === true) : toText(kind, conf[name])]));
}

function TriggerForm({ details, start, onClose }: FormProps) {
  const { notify } = useApp();
  const fields = fieldsOf(details.params);
  const ownWindow = fields.some((field) => field.name === 'start' || field.name === 'end');
  const [mode, setMode] = useState('form');
  const [texts, setTexts] = useState<Texts>({});
  const [windowTexts, setWindowTexts] = useState<Texts>({});
  const [json, setJson] = useState('{}');
  const [branch, setBranch] = useState('');
  const [facts, setFacts] = useState<RunFacts>({ ...noFacts, ...start });
  const [unpauses, setUnpauses] = useState(false);
  const [problems, setProblems] = useState<Texts>({});
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useLead(form, problems);
  const changeMode = (next: string) => {
    if (next === 'json' && mode !== 'json') setJson(prettyJson(formConf(fields, texts, windowTexts).conf));
    setProblems({});
    setMode(next);
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    const { conf, problems: found } = mode === 'json' ? jsonConf(json) : formConf(fields, texts, windowTexts);
    setProblems(found);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    try {
      const place = { logical_date: dateOf(facts, branch), ...(branch !== '' && { branch }) };
      const { run, problem } = await startRun(details.dag_id, { ...place, ...factsBody(facts), conf }, unpauses);
      notify(t('A run of {dag} has been triggered.', { dag: run.dag_id }));
      if (problem !== undefined) notify(t('It waits: the DAG could not be activated. {problem}', { problem }), 'error');
      location.hash = runLink(run.dag_id, run.dag_run_id);
      onClose();
    } catch (error) {
      const names = [branchField.name, ...factFields().map((field) => field.name), ...(mode === 'form' ? [...fields.map((field) => field.name), ...windowNames] : [])];
      const fieldProblems = error instanceof ApiError ? error.fields : [];
      setProblems(
        fieldProblems.length > 0
          ? problemsByField(fieldProblems, names)
          : { '': (error as Error).message },
      );
      setBusy(false);
    }
  };
  return (
    <form class="trigger-form" ref={form} onSubmit={submit} noValidate>
      <Tabs tabs={modes} current={mode} label={t('How to write the configuration')} onChange={changeMode} />
      <FormProblems problems={problems} names={[...fields, ...(ownWindow ? [] : windowFields), ...factFields(), branchField]} />
      <RecentValues
        dag={details.dag_id}
        onTake={(conf) => {
          setTexts(textsOf(fields, conf));
          setJson(prettyJson(withoutSecrets(fields, conf)));
        }}
      />
      {mode === 'form' ? (
        <>
          {fields.length === 0 && <p class="muted">{t('This DAG declares no params.')}</p>}
          <ParamFields fields={fields} texts={texts} problems={problems} onChange={setTexts} />
          {!ownWindow && (
            <DataWindow
              texts={windowTexts}
              problems={problems}
              onChange={(name, text) => setWindowTexts((old) => ({ ...old, [name]: text }))}
            />
          )}
        </>
      ) : (
        <label class="field">
          <span class="field-name">{t('Configuration (conf)')}</span>
          <textarea
            class="mono"
            name="conf"
            rows={12}
            spellcheck={false}
            aria-invalid={problems[''] !== undefined}
            value={json}
            onInput={(event) => setJson(event.currentTarget.value)}
          />
        </label>
      )}
      <TriggerMore facts={facts} problems={problems} isOpen={Object.keys(start).length > 0} onChange={setFacts} />
      <BranchChoice branch={branch} problem={problems['branch']} onChange={setBranch} />
      <DagFileNotice dag={details} />
      {details.is_paused && (
        <div class="notice notice-warning">
          <p>{t('This DAG is paused; the run waits until it is activated.')}</p>
          <label class="check">
            <input type="checkbox" name="unpause" checked={unpauses} onChange={(event) => setUnpauses(event.currentTarget.checked)} />
            <span>{t('Activate it now')}</span>
          </label>
        </div>
      )}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick={onClose}>
          {t('Cancel')}
        </button>
        <button class="button button-primary" disabled={busy}>
          {busy ? t('Starting…') : t('Trigger')}
        </button>
      </footer>
    </form>
  );
}

export function TriggerDialog({ dag, start = {}, onClose }: { dag: string; start?: Partial<RunFacts>; onClose: () => void }) {
  const details = useResource((signal) => api.dagDetails(dag, signal), [dag]);
  return (
    <Dialog title={t('Trigger {dag}', { dag })} onClose={onClose}>
      <Loaded of={details}>{(data) => <TriggerForm details={data} start={start} onClose={onClose} />}</Loaded>
    </Dialog>
  );
}
