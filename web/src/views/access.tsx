// Who may do what: users, roles, groups, and tokens; to be read and changed by who has the right.
import { Page } from '../components/page';
import { Tabs } from '../components/tabs';
import { withSearch } from '../lib/address';
import { useSearch } from '../lib/hooks';
import { useMay } from '../lib/may';
import { t } from '../lib/words';
import { AccessGroups } from './access_groups';
import { AccessRoles } from './access_roles';
import { AccessTokens } from './access_tokens';
import { AccessUsers } from './access_users';

const go = (tab: string) => void (location.hash = withSearch('#/access', { tab }));

export function AccessView() {
  const [search] = useSearch();
  const [users, roles] = [useMay('read', 'admin:users'), useMay('read', 'admin:roles')];
  const tabs = [
    ...(users ? [{ id: 'users', label: t('Users') }] : []),
    ...(roles ? [{ id: 'roles', label: t('Roles') }, { id: 'groups', label: t('Groups') }] : []),
    { id: 'tokens', label: t('Tokens') },
  ];
  const asked = search.get('tab') ?? '';
  const current = tabs.some((one) => one.id === asked) ? asked : (tabs[0]?.id ?? 'tokens');
  return (
    <Page title={t('Access')}>
      <Tabs tabs={tabs} current={current} label={t('Users, roles, groups and tokens')} onChange={go} />
      <section class="access-panel" aria-label={tabs.find((one) => one.id === current)?.label}>
        {current === 'users' && <AccessUsers />}
        {current === 'roles' && <AccessRoles />}
        {current === 'groups' && <AccessGroups />}
        {current === 'tokens' && <AccessTokens />}
      </section>
    </Page>
  );
}
