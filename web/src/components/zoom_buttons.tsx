// Smaller, larger, all of it: at every picture of a graph.
import type { useGraphBox } from '../lib/use_graph_box';
import { t } from '../lib/words';
import { Icon, type Glyph } from './icon';

const step = 1.25;

export function ZoomButtons({ zoom, setZoom, fit }: Pick<ReturnType<typeof useGraphBox>, 'zoom' | 'setZoom' | 'fit'>) {
  const acts: readonly { name: string; icon: Glyph | 'minus'; act: () => void }[] = [
    { name: t('Smaller'), icon: 'minus', act: () => setZoom(zoom / step) },
    { name: t('Larger'), icon: 'plus', act: () => setZoom(zoom * step) },
    { name: t('Fit into view'), icon: 'fit', act: fit },
  ];
  return (
    <>
      {acts.map(({ name, icon, act }) => (
        <button key={icon} type="button" class="icon-button" aria-label={name} title={name} onClick={act}>
          <Icon name={icon} />
        </button>
      ))}
    </>
  );
}
