/** How much of something is in use; below 0 there is no limit. */
export function UseBar({ used, of }: { used: number; of: number }) {
  const share = of > 0 ? Math.min(1, used / of) : 0;
  return (
    <span class="use">
      <svg class="use-small" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="use-all" width={100} height={8} rx={2} />
        <rect class="use-part state-running" width={share * 100} height={8} rx={2} />
      </svg>
      <span class="number">{of < 0 ? used : `${used} / ${of}`}</span>
    </span>
  );
}
