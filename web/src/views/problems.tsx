import { Empty, Loaded } from '../components/loaded';
import { Ago } from '../components/time';
import { count, errorPosition, number, type Noun } from '../lib/format';
import { useTitle } from '../lib/hooks';
import { dagLink } from '../lib/route';
import { t } from '../lib/words';
import { useProblems } from './problem_banner';

const most = 2000;

function Missing({ shown, total, noun }: { shown: number; total: number; noun: Noun }) {
  if (shown >= total) return null;
  return <li class="muted">{t('The first {shown} of {total}; the API has all of them.', { shown: number(shown), total: count(total, noun) })}</li>;
}

export function ProblemsView() {
  const problems = useProblems(most);
  useTitle(t('Problems'));
  return (
    <>
      <div class="page-head">
        <h1>{t('Problems')}</h1>
      </div>
      <Loaded of={problems}>
        {({ errors, warnings }) =>
          errors.total + warnings.total === 0 ? (
            <Empty>{t('Every DAG file is in order.')}</Empty>
          ) : (
            <ul class="problems" aria-label={t('Problems')}>
              {errors.rows.map((error) => (
                <li key={`error ${error.import_error_id}`} class="card problem problem-error">
                  <p class="problem-head">
                    <strong>{t('Import error')}</strong>
                    <code>{errorPosition(error.filename, error.stack_trace)}</code>
                    <span class="muted">
                      <Ago at={error.timestamp} />
                    </span>
                  </p>
                  <pre class="code">{error.stack_trace}</pre>
                </li>
              ))}
              {warnings.rows.map((warning) => (
                <li key={`${warning.dag_id} ${warning.batuta.kind} ${warning.message}`} class="card problem problem-warning">
                  <p class="problem-head">
                    <strong>{t('Warning')}</strong>
                    <a href={dagLink(warning.dag_id)}>{warning.dag_id}</a>
                    <span class="muted">
                      {warning.batuta.kind} · <Ago at={warning.timestamp} />
                    </span>
                  </p>
                  <p>{warning.message}</p>
                </li>
              ))}
              <Missing shown={errors.rows.length} total={errors.total} noun="import error" />
              <Missing shown={warnings.rows.length} total={warnings.total} noun="warning" />
            </ul>
          )
        }
      </Loaded>
    </>
  );
}
