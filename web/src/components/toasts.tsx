import { useCallback, useState } from 'preact/hooks';

export interface Toast {
  id: number;
  text: string;
  kind: 'info' | 'error';
}

const shownMs = 6000;
const most = 4;
let nextId = 1;

export function useToasts(): [Toast[], (text: string, kind?: 'info' | 'error') => void] {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const notify = useCallback((text: string, kind: 'info' | 'error' = 'info') => {
    const toast = { id: nextId++, text, kind };
    setToasts((old) => [...old, toast].slice(-most));
    setTimeout(() => setToasts((old) => old.filter((one) => one.id !== toast.id)), shownMs);
  }, []);
  return [toasts, notify];
}

export function Toasts({ toasts }: { toasts: readonly Toast[] }) {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <p key={toast.id} class={`toast toast-${toast.kind}`}>
          {toast.text}
        </p>
      ))}
    </div>
  );
}
