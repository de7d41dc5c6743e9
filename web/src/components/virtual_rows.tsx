import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { visibleWindow } from '../lib/window';

interface Props<T> {
  items: readonly T[];
  rowHeight: number; // px, the same as in the css
  label: string;
  children: (item: T, index: number) => ComponentChildren;
}

/** A scrolling list that draws only the rows in sight; twenty thousand cost as much as fifty. */
export function VirtualRows<T>({ items, rowHeight, label, children }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const measure = () => setScroll({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, []);
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
