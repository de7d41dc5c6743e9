import * as api from '../api/endpoints';
import { Icon } from '../components/icon';
import { count } from '../lib/format';
import { useLive, useResource, useThrottled } from '../lib/hooks';
import { everyPage } from '../lib/pages';
import { t } from '../lib/words';

/** The first `most` of each, and how many there are. */
export function useProblems(most: number) {
  const problems = useResource(async (signal) => {
    const [errors, warnings] = await Promise.all([
      everyPage((page) => api.importErrors(page, signal), most),
      everyPage((page) => api.dagWarnings(page, signal), most),
    ]);
    return { errors, warnings };
  }, [most]);
  const refresh = useThrottled(problems.reload, 1000);
  useLive((batch) => {
    if (batch.listChanged || batch.resync || batch.dags.length > 0) refresh();
  });
  return problems;
}

/** Says that some DAG files cannot be read or some DAGs have warnings, and leads to them. */
export function ProblemBanner() {
  const { data } = useProblems(1);
  const errors = data?.errors.total ?? 0;
  const warnings = data?.warnings.total ?? 0;
  if (errors + warnings === 0) return null;
  const parts = [
    ...(errors > 0 ? [count(errors, 'import error')] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
  ];
  return (
    <a class={`notice ${errors > 0 ? 'notice-error' : 'notice-warning'} problem-banner`} href="#/problems">
      <Icon name="warning" />
      <span>{t('{what} in the DAG files', { what: parts.join(t(' and ')) })}</span>
      <Icon name="right" />
    </a>
  );
}
