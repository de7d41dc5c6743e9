import type { ComponentChildren } from 'preact';
import type { Resource } from '../lib/hooks';
import { t } from '../lib/words';

interface Props<T> {
  of: Resource<T>;
  children: (data: T) => ComponentChildren;
}

/** What was read, or why it could not be, or that it is on its way. */
export function Loaded<T>({ of, children }: Props<T>) {
  if (of.data !== undefined) {
    return (
      <>
        {of.error && <ErrorBox error={of.error} onRetry={of.reload} />}
        {children(of.data)}
      </>
    );
  }
  if (of.error) return <ErrorBox error={of.error} onRetry={of.reload} />;
  return (
    <p class="loading" role="status">
      {t('Loading…')}
    </p>
  );
}

export function ErrorBox({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  return (
    <div class="notice notice-error" role="alert">
      <span>{error.message}</span>
      {onRetry && (
        <button type="button" class="button" onClick={onRetry}>
          {t('Try again')}
        </button>
      )}
    </div>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
