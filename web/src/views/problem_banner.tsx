import * as api from '../api/endpoints';
import { Icon } from '../components/icon';
import { count } from '../lib/format';
import { useLive, useResource, useThrottled } from '../lib/hooks';

export function useProblems() {
  const problems = useResource(async (signal) => {
    const [errors, warnings] = await Promise.all([api.importErrors(signal), api.dagWarnings(signal)]);
    return { errors, warnings };
  }, []);
  const refresh = useThrottled(problems.reload, 1000);
  useLive((batch) => {
    if (batch.listChanged || batch.resync || batch.dags.length > 0) refresh();
  });
  return problems;
}

/** Says that some DAG files cannot be read or some DAGs have warnings, and leads to them. */
export function ProblemBanner() {
  const { data } = useProblems();
  const errors = data?.errors.total_entries ?? 0;
  const warnings = data?.warnings.total_entries ?? 0;
  if (errors + warnings === 0) return null;
  const parts = [
    ...(errors > 0 ? [count(errors, 'import error')] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
  ];
  return (
    <a class={`notice ${errors > 0 ? 'notice-error' : 'notice-warning'} problem-banner`} href="#/problems">
      <Icon name="warning" />
      <span>{parts.join(' and ')} in the DAG files</span>
      <Icon name="right" />
    </a>
  );
}
