// The keys that work everywhere, and what they open.
import type { VNode } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../components/icon';
import { places } from '../lib/places';
import { t } from '../lib/words';
import { KeyHelp } from './key_help';
import { Palette } from './palette';

const goForMs = 1200; // after "g"

// Where letters are typed they are letters.
const isTyping = (target: EventTarget | null | undefined): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** The buttons for the bar, and what is open: a dialog stands outside the bar's landmark. */
export function useKeyMap(): { buttons: VNode; dialogs: VNode } {
  const [open, setOpen] = useState<'palette' | 'help' | null>(null);
  const going = useRef(0);
  // Before the page is seen, not after it: whoever presses a key at what they see is heard.
  useLayoutEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        // Another dialog keeps what was written in it.
        if (!document.querySelector('dialog[open]')) setOpen('palette');
        return;
      }
      // An editor stands in a shadow root, for which its host is the target.
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.composedPath()[0]) || document.querySelector('dialog[open]')) return;
      const isGoing = event.timeStamp - going.current < goForMs;
      going.current = -goForMs;
      const place = isGoing ? places.find((one) => one.key === event.key) : undefined;
      if (place) location.hash = place.href;
      else if (event.key === 'g') going.current = event.timeStamp;
      else if (event.key === '?') {
        event.preventDefault();
        setOpen('help');
      }
    };
    going.current = -goForMs;
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, []);
  const close = () => setOpen(null);
  return {
    buttons: (
      <>
        <button type="button" class="icon-button" aria-label={t('Go to')} aria-keyshortcuts="Control+K" title={t('Go to (Ctrl K)')} onClick={() => setOpen('palette')}>
          <Icon name="search" />
        </button>
        <button type="button" class="icon-button key-button" aria-label={t('Keyboard')} aria-keyshortcuts="?" title={t('Keyboard (?)')} onClick={() => setOpen('help')}>
          <Icon name="help" />
        </button>
      </>
    ),
    dialogs: (
      <>
        {open === 'palette' && <Palette onClose={close} />}
        {open === 'help' && <KeyHelp onClose={close} />}
      </>
    ),
  };
}
