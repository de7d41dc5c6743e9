// What an approval or input task asks people: the question, a form, its options; or who answered what.
import { useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import * as api from '../api/endpoints';
import type { Question, TaskInstance } from '../api/types';
import { ErrorBox } from '../components/loaded';
import { FormProblems } from '../components/form_problems';
import { Markdown } from '../components/markdown';
import { ParamFields } from '../components/param_field';
import { At } from '../components/time';
import { prettyJson } from '../lib/format';
import { useApp, useResource } from '../lib/hooks';
import { confOf, fieldsOf } from '../lib/params';
import { t } from '../lib/words';

type Texts = Record<string, string>;

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

/** Names of options and of a form's fields are the DAG author's; everything else is the page's. */
export function asksPeople(task: TaskInstance): boolean {
  return task.operator === 'approval' || task.operator === 'input';
}

function Deadline({ question }: { question: Question }) {
  const { deadline } = question.batuta;
  if (deadline === null) return null;
  const defaults = listOf(question.defaults);
  return (
    <p class="muted">
      {t('Until')} <At at={deadline} />
      {': '}
      {defaults.length > 0 ? t('then {default} is taken', { default: defaults.join(', ') }) : t('then the task fails')}
    </p>
  );
}

function Given({ question }: { question: Question }) {
  const who = question.responded_by_user?.name;
  const chosen = listOf(question.chosen_options).join(', ');
  const input = question.params_input;
  return (
    <div class="question-answer">
      <p>
        <strong>{chosen}</strong>{' '}
        {who === undefined ? t('was taken by default, for nobody answered in time') : t('was chosen by {who}', { who })}
        {', '}
        <At at={question.responded_at} />
      </p>
      {Object.keys(input).length > 0 && <pre class="code">{prettyJson(input)}</pre>}
    </div>
  );
}

interface FormProps {
  question: Question;
  onAnswered: () => void;
}

function AnswerForm({ question, onAnswered }: FormProps) {
  const { notify } = useApp();
  const fields = fieldsOf(question.params);
  const [texts, setTexts] = useState<Texts>({});
  const [picked, setPicked] = useState<readonly string[]>([]);
  const [problems, setProblems] = useState<Texts>({});
  const [busy, setBusy] = useState(false);
  const task = question.task_instance;
  const send = async (options: readonly string[]) => {
    const { conf, problems: found } = confOf(fields, texts);
    setProblems(found);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    try {
      await api.answer(task.dag_id, task.dag_run_id, task.task_id, task.map_index, task.try_number, options, conf);
      notify(t('The answer is kept.'));
      onAnswered();
    } catch (error) {
      setProblems({ '': (error as Error).message });
      setBusy(false);
      if (error instanceof ApiError && error.status === 409) onAnswered(); // another one was faster
    }
  };
  const toggle = (option: string, on: boolean) =>
    setPicked((old) => question.options.filter((one) => (one === option ? on : old.includes(one))));
  return (
    <form
      class="question-form"
      onSubmit={(event) => {
        event.preventDefault();
        void send(picked);
      }}
      noValidate
    >
      <FormProblems problems={problems} names={fields} />
      <ParamFields fields={fields} texts={texts} problems={problems} onChange={setTexts} />
      {question.multiple ? (
        <fieldset class="question-options">
          <legend>{t('Choose one or more')}</legend>
          {question.options.map((option) => (
            <label key={option} class="check">
              <input
                type="checkbox"
                checked={picked.includes(option)}
                onChange={(event) => toggle(option, event.currentTarget.checked)}
              />
              <span>{option}</span>
            </label>
          ))}
          <button class="button button-primary" disabled={busy || picked.length === 0}>
            {t('Answer')}
          </button>
        </fieldset>
      ) : (
        <div class="actions question-options" role="group" aria-label={t('Answer')}>
          {question.options.map((option, at) => (
            <button
              key={option}
              type="button"
              class={at === 0 ? 'button button-primary' : 'button'}
              disabled={busy}
              onClick={() => void send([option])}
            >
              {option}
            </button>
          ))}
        </div>
      )}
    </form>
  );
}

function Waiting({ question, onAnswered }: FormProps) {
  const users = question.assigned_users.map((user) => user.name).join(', ');
  return (
    <>
      <Deadline question={question} />
      {users !== '' && <p class="muted">{t('To be answered by {users}', { users })}</p>}
      {question.batuta.may_answer ? (
        <AnswerForm question={question} onAnswered={onAnswered} />
      ) : (
        <p class="notice">{t('It waits for an answer of somebody else.')}</p>
      )}
    </>
  );
}

interface Props {
  task: TaskInstance;
  attempt: number;
  onChanged: () => void;
}

function Asked({ task, attempt, onChanged }: Props) {
  const asked = useResource(
    (signal) => api.question(task.dag_id, task.dag_run_id, task.task_id, task.map_index, attempt, signal),
    [task.dag_id, task.dag_run_id, task.task_id, task.map_index, attempt, task.state],
  );
  const question = asked.data;
  const { error } = asked;
  if (!question && error && !(error instanceof ApiError && error.status === 404)) return <ErrorBox error={error} onRetry={asked.reload} />;
  if (!question) return null;
  const waits = task.state === 'deferred' && attempt === task.try_number && !question.response_received;
  const answered = () => {
    asked.reload();
    onChanged();
  };
  return (
    <section class="question" aria-label={t('Question')}>
      <h3>{question.subject}</h3>
      {question.body !== null && <Markdown text={question.body} />}
      {question.response_received && <Given question={question} />}
      {waits && <Waiting question={question} onAnswered={answered} />}
      {!waits && !question.response_received && <p class="muted">{t('Nobody answered.')}</p>}
    </section>
  );
}

/** Absent for tasks that ask nothing, and before a try has asked. */
export function QuestionView(props: Props) {
  return asksPeople(props.task) && props.attempt > 0 ? <Asked {...props} /> : null;
}
