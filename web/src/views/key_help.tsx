import { Dialog } from '../components/dialog';
import { places } from '../lib/places';
import { t } from '../lib/words';

/** What the keyboard can do. */
export function KeyHelp({ onClose }: { onClose: () => void }) {
  const parts: readonly [title: string, keys: readonly (readonly [keys: string, words: string])[]][] = [
    [t('Everywhere'), [['Ctrl K', t('go to a DAG, task, run or page')], ['?', t('this help')], ['Esc', t('close what is open')]]],
    [t('Places'), places.map((place) => [`g ${place.key}`, place.label] as const)],
    [t('Grid'), [['← ↑ → ↓', t('move; above the first task are the runs')], ['Home End', t('to the oldest and the newest run')], ['Enter', t('open the task, or fold and unfold the group')]]],
    [t('Graph'), [['← ↑ → ↓', t('to the nearest box')], ['Enter', t('choose the task, or fold and unfold the group')], ['Ctrl + wheel', t('larger and smaller')]]],
    [t('Lists'), [['↑ ↓', t('from row to row')], ['Space', t('choose the row')]]],
    [t('SQL'), [['Ctrl Enter', t('run the statement')]]],
    [t('Log'), [['Enter', t('in the search: next match')], ['Shift Enter', t('in the search: previous match')], ['Esc', t('leave the full screen')]]],
  ];
  return (
    <Dialog title={t('Keyboard')} onClose={onClose}>
      <div class="key-help">
        {parts.map(([title, keys]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([key, words]) => (
                <div key={`${key} ${words}`}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{words}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
