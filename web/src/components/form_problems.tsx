import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';
import { t } from '../lib/words';

interface Props {
  problems: Readonly<Record<string, string>>; // by field; '' for those of no field
  names: readonly { name: string; title: string }[];
}

function lead(event: Event, name: string) {
  const form = (event.currentTarget as HTMLElement).closest('form');
  const field = [...(form?.querySelectorAll<HTMLElement>('[data-field]') ?? [])].find((one) => one.dataset['field'] === name);
  field?.querySelector<HTMLElement>('input, select, textarea')?.focus();
}

/** Whoever pressed the button at the end of a long form is led to the first field that is wrong, or to what is wrong with none. */
export function useLead(form: RefObject<HTMLFormElement>, problems: Props['problems']): void {
  useEffect(() => {
    if (Object.keys(problems).length === 0) return;
    const first = (selector: string) => form.current?.querySelector<HTMLElement>(selector);
    (first('[aria-invalid="true"]') ?? first('.form-problems'))?.focus();
  }, [form, problems]);
}

/** Everything that is wrong with a form, in the form's order, each leading to its field. */
export function FormProblems({ problems, names }: Props) {
  const listed = names.filter((one) => problems[one.name] !== undefined);
  const own = problems[''];
  if (listed.length === 0 && own === undefined) return null;
  return (
    <div class="notice notice-error form-problems" role="alert" tabIndex={-1}>
      {own !== undefined && <p>{own}</p>}
      {listed.length > 0 && (
        <>
          <p>{listed.length === 1 ? t('One value cannot be used:') : t('{count} values cannot be used:', { count: listed.length })}</p>
          <ul>
            {listed.map((one) => (
              <li key={one.name}>
                <button type="button" class="link" onClick={(event) => lead(event, one.name)}>
                  {one.title}
                </button>
                {': '}
                {problems[one.name]}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
