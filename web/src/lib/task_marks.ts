// What a task is besides its type: words for the graph and the table of a DAG's tasks.
import type { Task } from '../api/types';
import { t } from './words';

export function taskMarks({ batuta, is_mapped }: Task): string[] {
  const marks: [boolean, string][] = [
    [batuta.is_setup, t('setup')],
    [batuta.is_teardown, t('teardown')],
    [batuta.is_on_exit, t('on exit')],
    [is_mapped, t('mapped')],
  ];
  return marks.filter(([is]) => is).map(([, word]) => word);
}
