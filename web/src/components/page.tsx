import type { ComponentChildren } from 'preact';
import { useTitle } from '../lib/hooks';

/** A view that is a heading and what follows. */
export function Page({ title, children }: { title: string; children: ComponentChildren }) {
  useTitle(title);
  return (
    <>
      <div class="page-head">
        <h1>{title}</h1>
      </div>
      {children}
    </>
  );
}
