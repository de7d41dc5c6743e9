import type { ComponentChildren } from 'preact';
import { useScroll } from '../lib/use_scroll';
import { visibleWindow } from '../lib/window';

interface Props<T> {
  items: readonly T[];
  rowHeight: number; // px, the same as in the css
  label: string;
  children: (item: T, index: number) => ComponentChildren;
}

/** A scrolling list that draws only the rows in sight; twenty thousand cost as much as fifty. */
export function VirtualRows<T>({ items, rowHeight, label, children }: Props<T>) {
  const { box, scroll } = useScroll();
  const { first, last, before, after } = visibleWindow(
    items.length,
    rowHeight,
    scroll.top,
    scroll.height,
  );
  return (
    <div class="virtual-rows" ref={box} role="list" aria-label={label} tabIndex={0}>
      <svg class="spacer" width="1" height={before} aria-hidden="true" />
      {items.slice(first, last).map((item, at) => children(item, first + at))}
      <svg class="spacer" width="1" height={after} aria-hidden="true" />
    </div>
  );
}
