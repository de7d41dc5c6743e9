import { useId } from 'preact/hooks';
import { toText, type Field } from '../lib/params';
import { t } from '../lib/words';
import { PickControl } from './pick_control';
import { TextControl, type ControlProps } from './text_control';

interface Props {
  field: Field;
  text: string;
  problem: string | undefined;
  onChange: (text: string) => void;
}

function Control({ field, text, onChange, common }: Omit<Props, 'problem'> & { common: ControlProps }) {
  const onInput = (event: { currentTarget: HTMLInputElement | HTMLTextAreaElement }) =>
    onChange(event.currentTarget.value);
  switch (field.kind) {
    case 'choice':
      return (
        <select {...common} value={text} onChange={(event) => onChange(event.currentTarget.value)}>
          {text === '' && <option value="">–</option>}
          {field.choices.map((choice) => {
            const value = toText('choice', choice);
            return (
              <option key={value} value={value}>
                {typeof choice === 'string' ? choice : value}
              </option>
            );
          })}
        </select>
      );
    case 'list':
      return <textarea {...common} rows={Math.min(8, text.split('\n').length + 1)} value={text} onInput={onInput} />;
    case 'json':
      return (
        <textarea {...common} class="mono" rows={Math.min(10, text.split('\n').length + 1)} spellcheck={false} value={text} onInput={onInput} />
      );
    case 'integer':
    case 'number':
      return <input {...common} inputMode="decimal" autoComplete="off" value={text} onInput={onInput} />;
    default:
      if (field.secret) return <input {...common} type="password" autoComplete="new-password" value={text} onInput={onInput} />;
      if (field.pick) return <PickControl common={common} kind={field.pick} text={text} original={field.initial} onChange={onChange} />;
      return <TextControl common={common} text={text} original={field.initial} multiline={field.multiline} onChange={onChange} />;
  }
}

function hint(field: Field): string {
  const parts = [field.description.replace(/(?<=[^.!?])$/, '.')];
  if (field.kind === 'list') parts.push(t('One per line.'));
  if (field.kind === 'json') parts.push('JSON.');
  if (field.minimum !== null && field.maximum !== null) parts.push(t('{least} to {most}.', { least: String(field.minimum), most: String(field.maximum) }));
  if (field.program !== '') parts.push(t('Left alone: what {program} prints when the run starts.', { program: field.program }));
  return parts.filter((part) => part !== '').join(' ');
}

/** One control for one param, with its description and what is wrong with it. */
function ParamField({ field, text, problem, onChange }: Props) {
  const id = useId();
  const common: ControlProps = {
    id,
    name: `param-${field.name}`,
    'aria-describedby': `${id}-hint ${id}-problem`,
    'aria-invalid': problem !== undefined,
  };
  return (
    <div class="field" data-field={field.name}>
      {field.kind === 'boolean' ? (
        <label class="check" for={id}>
          <input
            {...common}
            type="checkbox"
            checked={text === 'true'}
            onChange={(event) => onChange(String(event.currentTarget.checked))}
          />
          <span class="field-name">{field.title}</span>
        </label>
      ) : (
        <>
          <label class="field-name" for={id}>
            {field.title}
            {field.required && <span class="required"> {t('(needed)')}</span>}
          </label>
          <Control field={field} text={text} onChange={onChange} common={common} />
        </>
      )}
      <p class="field-hint" id={`${id}-hint`}>
        {hint(field)}
      </p>
      <p class="field-problem" id={`${id}-problem`}>
        {problem}
      </p>
    </div>
  );
}

interface AllProps {
  fields: readonly Field[];
  texts: Record<string, string>; // what was typed; a field that was not touched has its default
  problems: Record<string, string | undefined>;
  onChange: (change: (old: Record<string, string>) => Record<string, string>) => void;
}

/** The controls of a form made of params. */
export function ParamFields({ fields, texts, problems, onChange }: AllProps) {
  return (
    <>
      {fields.map((field) => (
        <ParamField
          key={field.name}
          field={field}
          text={texts[field.name] ?? field.initial}
          problem={problems[field.name]}
          onChange={(text) => onChange((old) => ({ ...old, [field.name]: text }))}
        />
      ))}
    </>
  );
}
