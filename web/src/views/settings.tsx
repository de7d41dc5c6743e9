// The settings in effect, and reading them again without a restart.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { SettingsReload } from '../api/types';
import { Empty, Loaded } from '../components/loaded';
import { useResource } from '../lib/hooks';
import { foundSettings } from '../lib/installation';
import { useMay } from '../lib/may';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';

function Changes({ title, of }: { title: string; of: SettingsReload['changed'] }) {
  if (of.length === 0) return null;
  return (
    <>
      <p>{title}</p>
      <ul class="mono">
        {of.map((one) => (
          <li key={one.name}>
            {one.name}: {one.before || '–'} → {one.after || '–'}
          </li>
        ))}
      </ul>
    </>
  );
}

/** What a reading took over, and what waits for a restart. */
function Told({ of }: { of: SettingsReload }) {
  return (
    <div class="notice" role="status">
      {of.changed.length + of.needs_restart.length === 0 && <p>{t('The settings were read again: nothing has changed.')}</p>}
      <Changes title={t('Taken over:')} of={of.changed} />
      <Changes title={t('Changed, and in effect from the next start on:')} of={of.needs_restart} />
    </div>
  );
}

export function Settings({ q }: { q: string }) {
  const mayEdit = useMay('edit', 'admin:config');
  const config = useResource((signal) => api.config(signal), []);
  const [asking, ask] = useState(false);
  const [told, tell] = useState<SettingsReload | null>(null);
  return (
    <Loaded of={config}>
      {({ sections }) => {
        const found = foundSettings(sections, q);
        return (
          <>
            <p class="muted">
              {t('As they are in effect, without secrets. They are changed in the file of settings or the environment. What can change while the server runs is taken over by')} <code>batuta config reload</code>.
            </p>
            {mayEdit && (
              <div class="toolbar">
                <button type="button" class="button" onClick={() => ask(true)}>
                  {t('Read the settings again…')}
                </button>
              </div>
            )}
            {told && <Told of={told} />}
            {found.length === 0 && <Empty>{t('No setting matches.')}</Empty>}
            {found.map((one) => (
              <section key={one.name} aria-label={one.name}>
                <h2>{one.name}</h2>
                <dl class="settings mono">
                  {one.options.map((option) => (
                    <div key={option.key}>
                      <dt>{option.key}</dt>
                      <dd>{option.value === '' ? '–' : option.value}</dd>
                    </div>
                  ))}
                </dl>
              </section>
            ))}
            {asking && (
              <ConfirmDialog
                title={t('Read the settings again?')}
                text={t('What may change while the server runs is taken over, all of it or nothing; the rest is named.')}
                button={t('Read them')}
                act={async () => tell(await api.reloadConfig())}
                onClose={() => ask(false)}
                onDone={config.reload}
              />
            )}
          </>
        );
      }}
    </Loaded>
  );
}
