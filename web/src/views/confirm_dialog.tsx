import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Dialog } from '../components/dialog';
import { t } from '../lib/words';

interface Props {
  title: string;
  text: string;
  button: string;
  danger?: boolean;
  disabled?: boolean; // there is nothing to do as it stands
  children?: ComponentChildren; // what it is about, below the text
  act: () => Promise<unknown>;
  onClose: () => void;
  onDone: () => void;
}

/** Asks once, acts once, and stays open with the reason when the server refuses. */
export function ConfirmDialog({ title, text, button, danger, disabled, children, act, onClose, onDone }: Props) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const confirm = async () => {
    setBusy(true);
    setProblem('');
    try {
      await act();
      onDone();
      onClose();
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      {children}
      {problem && (
        <p class="notice notice-error" role="alert">
          {problem}
        </p>
      )}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick={onClose}>
          {t('Back')}
        </button>
        <button type="button" class={`button ${danger ? 'button-danger' : 'button-primary'}`} disabled={busy || disabled} onClick={confirm}>
          {button}
        </button>
      </footer>
    </Dialog>
  );
}
