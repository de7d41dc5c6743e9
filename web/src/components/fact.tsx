import type { ComponentChildren } from 'preact';

/** A name and its value, inside a <dl class="facts">. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
