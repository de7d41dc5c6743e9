// Dead letters sent again, as they are or with another value, or given up: first which the server says are meant.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeKey, LakeLetterOrder } from '../api/types';
import { BulkDialog } from '../components/bulk_dialog';
import { Dialog } from '../components/dialog';
import { ErrorBox, Loaded } from '../components/loaded';
import { number } from '../lib/format';
import { useApp, useDebounced, useResource } from '../lib/hooks';
import { t } from '../lib/words';

type Of = Pick<LakeKey, 'domain' | 'table'>;
const listed = 100;
const usualAttempts = 5;

export interface LetterChoice {
  letters: readonly string[]; // none: all open ones
  reason: string | null; // of these
}

interface Props {
  of: Of;
  choice: LetterChoice;
  onClose: () => void;
  onDone: () => void;
}

const bodyOf = ({ letters, reason }: LetterChoice) => (letters.length > 0 ? { letters } : reason === null ? { all: true } : { reason });

function Lines({ of }: { of: LakeLetterOrder | undefined }) {
  return (
    <>
      {of?.letters.slice(0, listed).map((one) => (
        <li key={one.letter}>
          <span>
            <span class="mono">{one.letter}</span> {one.reason}
          </span>
        </li>
      ))}
      {of !== undefined && of.done > listed && <li class="muted">{t('and {count} more', { count: number(of.done - listed) })}</li>}
      {of?.stay.slice(0, listed).map((one) => (
        <li key={one.letter} class="muted">
          <span>
            <span class="mono">{one.letter}</span> {t('stays: {why}', { why: one.why })}
          </span>
        </li>
      ))}
    </>
  );
}

export function LettersDialog({ of, action, choice, onClose, onDone }: Props & { action: 'replay' | 'discard' }) {
  const { notify } = useApp();
  const [note, setNote] = useState('');
  const [attempts, setAttempts] = useState(String(usualAttempts));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Error>();
  const replays = action === 'replay';
  const most = useDebounced(Number(attempts), 300);
  const order = { action, ...bodyOf(choice), ...(replays && Number.isInteger(most) && most > 0 ? { max_attempts: most } : {}) };
  const look = useResource((signal) => api.orderLetters(of, { ...order, dry_run: true }, signal), [order]);
  const count = look.data?.done ?? 0;
  const go = async () => {
    setBusy(true);
    try {
      const done = await api.orderLetters(of, { ...order, ...(note === '' ? {} : { note }) });
      notify(replays ? t('{count} letters were sent to {topic} again.', { count: number(done.done), topic: done.source_topic }) : t('{count} letters were given up.', { count: number(done.done) }));
      onDone();
      onClose();
    } catch (error) {
      setProblem(error as Error);
      setBusy(false);
      onDone(); // some may have been done
    }
  };
  const error = problem ?? look.error;
  return (
    <BulkDialog
      title={replays ? t('Replay {count} letters?', { count: number(count) }) : t('Discard {count} letters?', { count: number(count) })}
      before={
        replays ? (
          <label class="field">
            <span class="field-name">{t('Those stay that were tried so often')}</span>
            <input inputMode="numeric" autoComplete="off" value={attempts} onInput={(event) => setAttempts(event.currentTarget.value)} />
          </label>
        ) : (
          <label class="field">
            <span class="field-name">
              {t('Note')} <span class="required">{t('(needed)')}</span>
            </span>
            <textarea rows={2} maxLength={1000} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
          </label>
        )
      }
      rows={<Lines of={look.data} />}
      skipped={look.data?.staying ?? 0}
      busy={busy}
      none={count === 0 || look.loading || (!replays && note.trim() === '')}
      danger={!replays}
      onGo={() => void go()}
      onClose={onClose}
    >
      {(look.data?.left ?? 0) > 0 && <p>{t('{count} more letters are meant than one order takes: give it again.', { count: number(look.data?.left ?? 0) })}</p>}
      <p class="muted">{replays ? t('They go to the topic that they came from, as they are; the next run that reads it takes them.') : t('They stay in the topic and its table, and are open no more.')}</p>
      {error && <ErrorBox error={error} />}
    </BulkDialog>
  );
}

function RepairForm({ of, letter, text, isWhole, onClose, onDone }: { of: Of; letter: string; text: string; isWhole: boolean } & Pick<Props, 'onClose' | 'onDone'>) {
  const { notify } = useApp();
  const [value, setValue] = useState(text);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Error>();
  const send = async () => {
    setBusy(true);
    try {
      const done = await api.orderLetters(of, { action: 'repair', letters: [letter], value });
      notify(t('{count} letters were sent to {topic} again.', { count: number(done.done), topic: done.source_topic }));
      onDone();
      onClose();
    } catch (error) {
      setProblem(error as Error);
      setBusy(false);
    }
  };
  return (
    <form
      class="trigger-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void send();
      }}
    >
      {!isWhole && <p class="muted">{t('What was sent is not shown to you, or is no text: write all of the right value.')}</p>}
      <label class="field">
        <span class="field-name">{t('The right value, sent in its place')}</span>
        <textarea class="mono" rows={Math.min(16, value.split('\n').length + 3)} spellcheck={false} value={value} onInput={(event) => setValue(event.currentTarget.value)} />
      </label>
      {problem && <ErrorBox error={problem} />}
      <footer class="dialog-foot">
        <button type="button" class="button" disabled={busy} onClick={onClose}>
          {t('Back')}
        </button>
        <button type="submit" class="button button-primary" disabled={busy || value === ''}>
          {t('Send it')}
        </button>
      </footer>
    </form>
  );
}

/** One letter whole; with the right to it, its value is corrected and sent in its place. */
export function LetterDialog({ of, letter, isRepair, onClose, onDone }: { of: Of; letter: string; isRepair: boolean } & Pick<Props, 'onClose' | 'onDone'>) {
  const whole = useResource((signal) => api.letter(of, letter, signal), [of.domain, of.table, letter]);
  return (
    <Dialog title={isRepair ? t('Repair letter {letter}', { letter }) : t('Letter {letter}', { letter })} onClose={onClose}>
      <Loaded of={whole}>
        {(data) => {
          const isText = data.value !== null && !data.base64.includes('value');
          return (
            <>
              <p>
                <strong>{data.reason}</strong> {data.message}
              </p>
              {data.no_value !== null && <p class="muted">{data.no_value}</p>}
              {isRepair ? (
                <RepairForm of={of} letter={letter} text={isText ? (data.value ?? '') : ''} isWhole={isText} onClose={onClose} onDone={onDone} />
              ) : (
                <>
                  {data.masked.length > 0 && <p class="muted">{t('Masked for you: {columns}', { columns: data.masked.join(', ') })}</p>}
                  <dl class="letter-parts">
                    <dt>{t('Key')}</dt>
                    <dd class="mono">{data.key ?? '–'}</dd>
                    <dt>{data.base64.includes('value') ? t('Value, in base64') : t('Value')}</dt>
                    <dd class="mono" tabIndex={0}>
                      {data.value ?? '–'}
                    </dd>
                    {data.headers.map((one, at) => (
                      <div key={at}>
                        <dt>{one.name}</dt>
                        <dd class="mono">{one.value}</dd>
                      </div>
                    ))}
                  </dl>
                </>
              )}
            </>
          );
        }}
      </Loaded>
    </Dialog>
  );
}
