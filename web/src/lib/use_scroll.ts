import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** A box that scrolls: where it stands and how much of it is seen, for lists that draw only that. */
export function useScroll(begin?: (box: HTMLDivElement) => void) {
  const box = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const measure = () => setScroll({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    begin?.(element);
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when the box is there
  }, []);
  return { box, scroll };
}
