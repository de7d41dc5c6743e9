import type { RefObject } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';
import type { Area } from './graph_window';

/** What of a picture in a box that scrolls is in sight, in the picture's own measure; null until it is known. `as` may round it: what is the same is not told again. */
export function useSeen(box: RefObject<HTMLElement> | undefined, zoom: number, as: (seen: Area) => Area = same): Area | null {
  const [seen, setSeen] = useState<Area | null>(null);
  useLayoutEffect(() => {
    const element = box?.current;
    if (!element) return undefined;
    let frame = 0;
    const look = () => {
      frame = 0;
      const now = as({ x: element.scrollLeft / zoom, y: element.scrollTop / zoom, width: element.clientWidth / zoom, height: element.clientHeight / zoom });
      setSeen((old) => (old && old.x === now.x && old.y === now.y && old.width === now.width && old.height === now.height ? old : now));
    };
    const later = () => {
      if (frame === 0) frame = requestAnimationFrame(look);
    };
    look();
    element.addEventListener('scroll', later, { passive: true });
    const sizes = new ResizeObserver(later);
    sizes.observe(element);
    return () => {
      element.removeEventListener('scroll', later);
      sizes.disconnect();
      cancelAnimationFrame(frame);
    };
  }, [box, zoom, as]);
  return seen;
}

const same = (seen: Area) => seen;
