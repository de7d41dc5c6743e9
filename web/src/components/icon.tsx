// The page's pictures: one stroke path each, drawn in the colour of the text around them.
import type { Shape } from '../lib/states';

const paths: Record<Shape | Glyph, string> = {
  check: 'M3.5 8.5l3 3 6-7',
  cross: 'M4.5 4.5l7 7m0-7l-7 7',
  play: 'M5.5 3.8v8.4l6.5-4.2z',
  clock: 'M8 4.5V8l2.5 1.8',
  retry: 'M12.5 8a4.5 4.5 0 1 1-1.4-3.3M12.7 2.8v2.7H10',
  skip: 'M4 4l5 4-5 4zm7.5 0v8',
  up: 'M8 12.5v-9M4.5 7L8 3.5 11.5 7',
  dot: 'M8 7.5v1',
  minus: 'M4.5 8h7',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zm3.4-1.1l3.1 3.1',
  close: 'M4 4l8 8m0-8l-8 8',
  warning: 'M8 2.5l6 11H2zM8 6.5v3.2m0 1.8v.1',
  right: 'M6 3.5L10.5 8 6 12.5',
  download: 'M8 2.5v7.5m-3-3l3 3 3-3M3 13h10',
  menu: 'M2.5 4.5h11m-11 3.5h11m-11 3.5h11',
  unfold: 'M4.5 6L8 2.5 11.5 6m-7 4L8 13.5 11.5 10',
  fold: 'M4.5 2.5L8 6l3.5-3.5m-7 11L8 10l3.5 3.5',
  plus: 'M4.5 8h7M8 4.5v7',
  fit: 'M3 6V3h3m4 0h3v3m0 4v3h-3m-4 0H3v-3',
  asset: 'M3 4.5c0-1.1 2.2-2 5-2s5 .9 5 2-2.2 2-5 2-5-.9-5-2zm0 0v7c0 1.1 2.2 2 5 2s5-.9 5-2v-7',
  turn: 'M3 5h8.5L9 2.5M13 11H4.5L7 13.5',
  down: 'M3.5 6L8 10.5 12.5 6',
  star: 'M8 2.5l1.7 3.6 3.8.5-2.8 2.7.7 3.9L8 11.3l-3.4 1.9.7-3.9-2.8-2.7 3.8-.5z',
  link: 'M6.5 9.5l3-3M7 4.8l1.2-1.2a2.8 2.8 0 0 1 4 4L11 8.8M9 11.2l-1.2 1.2a2.8 2.8 0 0 1-4-4L5 7.2',
  wrap: 'M2.5 4h11M2.5 8H11a2.2 2.2 0 0 1 0 4.4H8.5M10 10.6l-1.8 1.8L10 14M2.5 12h3',
  full: 'M3 6V3h3m4 0h3v3m0 4v3h-3m-4 0H3v-3',
  pause: 'M5.5 4v8m5-8v8',
  help: 'M6 6.2a2 2 0 1 1 2.8 1.8c-.6.3-.8.7-.8 1.4M8 11.6v.1',
  half: 'M8 2.5a5.5 5.5 0 1 0 0 11zm0 0a5.5 5.5 0 0 1 0 11',
  out: 'M9.5 3H4v10h5.5M7.5 8h6m-2.4-2.4L13.5 8l-2.4 2.4',
};

export type Glyph =
  | 'unfold' | 'fold' | 'plus' | 'fit' | 'turn' | 'asset' | 'down' | 'star' | 'link' | 'wrap' | 'full' | 'pause' | 'help'
  | 'search' | 'close' | 'warning' | 'right' | 'download' | 'menu' | 'half' | 'out';

export function Icon({ name }: { name: Shape | Glyph }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
