// The badge of a table: one word with a sign, so that colour is not all that tells; the reasons as its title or as a list.
import type { LakeTrust } from '../api/types';
import { badgeOf, reasonText, tellingReasons } from '../lib/trust';

export function TrustBadge({ of }: { of: LakeTrust }) {
  const badge = badgeOf(of.badge);
  return (
    <span class={`trust trust-${badge.kind}`} data-badge={of.badge} title={tellingReasons(of).map(reasonText).join('\n')}>
      <span aria-hidden="true">{badge.mark}</span> {badge.name}
    </span>
  );
}

export function TrustReasons({ of }: { of: LakeTrust }) {
  return (
    <ul class="trust-reasons">
      {of.reasons.map((one) => (
        <li key={one.subject} data-verdict={one.verdict}>
          {reasonText(one)}
        </li>
      ))}
    </ul>
  );
}
