// One XCom made or changed by hand. What is no JSON is said before it is sent.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskKey } from '../api/types';
import { Dialog } from '../components/dialog';
import { jsonText, parseJson } from '../lib/exact_json';
import { useApp } from '../lib/hooks';
import { hidesSecrets } from '../lib/json_tree';
import { t } from '../lib/words';

interface Props {
  task: TaskKey;
  entry: { key: string; value: unknown } | null; // null: a new one
  onClose: () => void;
  onDone: () => void;
}

export function XComDialog({ task, entry, onClose, onDone }: Props) {
  const { notify } = useApp();
  const [key, setKey] = useState(entry?.key ?? '');
  const [text, setText] = useState(() => (entry === null ? '' : jsonText(entry.value, 2)));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const save = async () => {
    let value: unknown;
    try {
      value = parseJson(text);
    } catch (error) {
      setProblem(t('Not valid JSON: {reason}', { reason: (error as Error).message }));
      return;
    }
    if (key === '') {
      setProblem(t('It needs a key.'));
      return;
    }
    setBusy(true);
    try {
      await (entry === null ? api.createXcom(task, key, value) : api.setXcom(task, key, value));
      notify(t('XCom {key} is kept.', { key }));
      onDone();
      onClose();
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={entry === null ? t('New XCom') : t('Change XCom {key}', { key })} onClose={() => !busy && onClose()}>
      <div class="choices">
        {entry === null && (
          <label class="field">
            <span class="field-name">{t('Key')}</span>
            <input value={key} maxLength={250} onInput={(event) => setKey(event.currentTarget.value)} />
          </label>
        )}
        <label class="field">
          <span class="field-name">{t('Value, as JSON')}</span>
          <textarea class="mono" rows={12} spellcheck={false} value={text} aria-invalid={problem !== ''} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        {entry !== null && hidesSecrets(entry.value) && <p class="notice notice-warning">{t('Secrets in it are shown as ***. What is kept is the text as it stands here: write them anew, or leave the value as it is.')}</p>}
        <p class="muted">{t('Tasks that read it from now on get the new value; those that have read it are not run again.')}</p>
      </div>
      {problem && (
        <p class="notice notice-error" role="alert">
          {problem}
        </p>
      )}
      <footer class="dialog-foot">
        <button type="button" class="button" disabled={busy} onClick={onClose}>
          {t('Back')}
        </button>
        <button type="button" class="button button-primary" disabled={busy} onClick={() => void save()}>
          {t('Keep')}
        </button>
      </footer>
    </Dialog>
  );
}
