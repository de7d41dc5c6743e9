// One thing of the registry made or changed: a form in a dialog, which stays open with the reason when the server refuses.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { bodyOf, problemsFrom, problemsOf, type EditField, type Problems, type Texts } from '../lib/edit_form';
import { t } from '../lib/words';
import { Dialog } from './dialog';
import { FormProblems, useLead } from './form_problems';

interface ControlProps {
  field: EditField;
  text: string;
  problem: string | undefined;
  onText: (text: string) => void;
}

function Control({ field, text, problem, onText, id }: ControlProps & { id: string }) {
  const common = { id, name: field.name, 'aria-describedby': `${id}-hint ${id}-problem`, 'aria-invalid': problem !== undefined };
  const onInput = (event: { currentTarget: HTMLInputElement | HTMLTextAreaElement }) => onText(event.currentTarget.value);
  switch (field.kind) {
    case 'choice':
      return (
        <select {...common} value={text} onChange={(event) => onText(event.currentTarget.value)}>
          {!(field.choices ?? []).includes(text) && <option value={text}>{text || '–'}</option>}
          {(field.choices ?? []).map((choice) => (
            <option key={choice} value={choice}>
              {field.names?.[choice] ?? choice}
            </option>
          ))}
        </select>
      );
    case 'area':
    case 'lines':
    case 'json':
      return <textarea {...common} class={field.kind === 'area' ? undefined : 'mono'} rows={Math.min(10, text.split('\n').length + 2)} spellcheck={false} value={text} onInput={onInput} />;
    case 'time':
      return <input {...common} type="datetime-local" value={text} onInput={onInput} />;
    case 'password':
      return <input {...common} type="password" autoComplete="new-password" value={text} onInput={onInput} />;
    default:
      return (
        <>
          <input {...common} autoComplete="off" inputMode={field.kind === 'integer' ? 'numeric' : undefined} list={field.choices ? `${id}-list` : undefined} value={text} onInput={onInput} />
          {field.choices && (
            <datalist id={`${id}-list`}>
              {field.choices.map((choice) => (
                <option key={choice} value={choice} />
              ))}
            </datalist>
          )}
        </>
      );
  }
}

function FormField(props: ControlProps) {
  const { field, problem, text, onText } = props;
  const id = useId();
  if (field.kind === 'flag') {
    return (
      <label class="check">
        <input type="checkbox" name={field.name} checked={text !== ''} onChange={(event) => onText(event.currentTarget.checked ? 'yes' : '')} />
        <span>{field.title}</span>
      </label>
    );
  }
  return (
    <div class="field" data-field={field.name}>
      <label class="field-name" for={id}>
        {field.title}
        {field.required === true && <span class="required"> {t('(needed)')}</span>}
      </label>
      <Control {...props} id={id} />
      <p class="field-hint" id={`${id}-hint`}>
        {field.hint}
      </p>
      <p class="field-problem" id={`${id}-problem`}>
        {problem}
      </p>
    </div>
  );
}

/** What may be tried before it is kept: its answer stands in the dialog until something is changed. */
export interface Trial {
  name: string; // on its button
  run: (body: Record<string, unknown>) => Promise<ComponentChildren>;
}

interface Props {
  title: string;
  fields: (texts: Texts) => readonly EditField[]; // may depend on what is chosen
  before: Texts | null; // null: a new one
  start?: Texts; // of a new one
  children?: ComponentChildren; // what is to be known before
  save: (body: Record<string, unknown>) => Promise<unknown>;
  keep?: string; // on the button that saves
  trial?: Trial;
  onClose: () => void;
  onDone: () => void;
}

export function EditDialog({ title, fields, before, start, children, save, keep, trial, onClose, onDone }: Props) {
  const [texts, setTexts] = useState<Texts>(before ?? start ?? {});
  const [problems, setProblems] = useState<Problems>({});
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState<ComponentChildren>(null); // by the trial
  const form = useRef<HTMLFormElement>(null);
  useLead(form, problems);
  useEffect(() => {
    if (told !== null) form.current?.querySelector('.trial')?.scrollIntoView({ block: 'nearest' });
  }, [told]);
  const shown = fields(texts);
  const send = async (act: () => Promise<void>) => {
    const wrong = problemsOf(shown, texts);
    setProblems(wrong);
    setTold(null);
    if (Object.keys(wrong).length > 0) return;
    setBusy(true);
    try {
      await act();
    } catch (error) {
      setProblems(problemsFrom(error as Error, shown, before === null));
      setBusy(false);
    }
  };
  const store = () =>
    send(async () => {
      await save(bodyOf(shown, texts, before));
      onDone();
      onClose();
    });
  const look = (of: Trial) =>
    send(async () => {
      setTold(await of.run(bodyOf(shown, texts, null)));
      setBusy(false);
    });
  return (
    <Dialog title={title} onClose={() => !busy && onClose()}>
      <form
        class="trigger-form"
        ref={form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void store();
        }}
      >
        {children}
        <FormProblems problems={problems} names={shown} />
        {shown.map((field) => (
          <FormField key={field.name} field={field} text={texts[field.name] ?? ''} problem={problems[field.name]} onText={(text) => { setTexts((old) => ({ ...old, [field.name]: text })); setTold(null); }} />
        ))}
        <div class="trial" role="status">
          {told}
        </div>
        <footer class="dialog-foot">
          <button type="button" class="button" disabled={busy} onClick={onClose}>
            {t('Back')}
          </button>
          {trial && (
            <button type="button" class="button" disabled={busy} onClick={() => void look(trial)}>
              {trial.name}
            </button>
          )}
          <button type="submit" class="button button-primary" disabled={busy}>
            {keep ?? t('Keep')}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
