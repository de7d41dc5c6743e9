// Who is signed in decides between the login and the page; the address decides the view.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { setCsrfToken, setUnauthorizedHandler } from './api/client';
import * as api from './api/endpoints';
import { LiveEvents } from './api/events';
import type { Session } from './api/types';
import { Later } from './components/later';
import { Empty } from './components/loaded';
import { Shell } from './components/shell';
import { Toasts, useToasts } from './components/toasts';
import { AppContext, useRoute } from './lib/hooks';
import { loginCode, loginError, type Route } from './lib/route';
import { t } from './lib/words';
import { DagView } from './views/dag';
import { DagsView } from './views/dags';
import { HomeView } from './views/home';
import { useKeyMap } from './views/key_map';
import { LoginView, signOnProblem } from './views/login';
import { ProblemsView } from './views/problems';
import { RunView } from './views/run';
import { RunsView } from './views/runs';
import { TasksView } from './views/tasks';

const lakeViews = () => import('./views/lake_views');

function LaterPlace({ route, views }: { route: Route; views: Awaited<ReturnType<typeof lakeViews>> }) {
  switch (route.view) {
    case 'assets':
      return <views.AssetsView />;
    case 'backfills':
      return <views.BackfillsView />;
    case 'backfill':
      return <views.BackfillView key={route.id} id={route.id} />;
    case 'deadlines':
      return <views.DeadlinesView />;
    case 'xcoms':
      return <views.XComsView />;
    case 'pools':
      return <views.PoolsView />;
    case 'variables':
      return <views.VariablesView />;
    case 'connections':
      return <views.ConnectionsView />;
    case 'access':
      return <views.AccessView />;
    case 'audit':
      return <views.AuditView />;
    case 'health':
      return <views.HealthView />;
    case 'asset':
      return <views.AssetView key={route.id} id={route.id} />;
    case 'installation':
      return <views.InstallationView tab={route.tab} />;
    case 'monitors':
      return <views.MonitorsView />;
    case 'domains':
      return <views.DomainsView />;
    case 'quarantines':
      return <views.QuarantinesView />;
    case 'branches':
      return <views.BranchesView />;
    case 'branch':
      return <views.BranchView key={route.name} name={route.name} />;
    case 'erasures':
      return <views.ErasuresView />;
    case 'erasure':
      return <views.ErasureView key={route.operation} operation={route.operation} />;
    case 'letter_topics':
      return <views.LetterTopicsView />;
    case 'letters':
      return <views.LettersView key={`${route.domain}/${route.table}`} of={route} />;
    case 'lake_sql':
      return <views.LakeSqlView />;
    case 'lake_table':
      return <views.LakeTableView key={`${route.layer}/${route.domain}/${route.table}`} of={route} tab={route.tab} />;
    default:
      return <views.LakeView />;
  }
}

function View({ route }: { route: Route }) {
  switch (route.view) {
    case 'dags':
      return <DagsView />;
    case 'dag':
      return <DagView key={route.dag} dag={route.dag} tab={route.tab} />;
    case 'run':
      return <RunView key={`${route.dag}\n${route.run}`} {...route} />;
    case 'home':
      return <HomeView />;
    case 'runs':
      return <RunsView />;
    case 'tasks':
      return <TasksView />;
    case 'backfills':
    case 'backfill':
    case 'deadlines':
    case 'xcoms':
    case 'pools':
    case 'variables':
    case 'connections':
    case 'access':
    case 'audit':
    case 'health':
    case 'assets':
    case 'asset':
    case 'installation':
    case 'lake':
    case 'monitors':
    case 'domains':
    case 'quarantines':
    case 'branches':
    case 'branch':
    case 'erasures':
    case 'erasure':
    case 'letter_topics':
    case 'letters':
    case 'lake_sql':
    case 'lake_table':
      return <Later load={lakeViews}>{(views) => <LaterPlace route={route} views={views} />}</Later>;
    case 'problems':
      return <ProblemsView />;
    case 'unknown':
      return (
        <>
          <div class="page-head nowhere">
            <h1>{t('Nothing is at this address.')}</h1>
          </div>
          <Empty>
            <a href="#/dags">{t('All DAGs')}</a>
          </Empty>
        </>
      );
  }
}

function SignedIn({ session, onLogout }: { session: Session; onLogout: () => void }) {
  const [toasts, notify] = useToasts();
  const route = useRoute();
  const keys = useKeyMap();
  // A refused stream may mean the session is over; asking for it shows the login if so.
  const live = useMemo(() => new LiveEvents(() => void api.version().catch(() => undefined)), []);
  useEffect(() => {
    const isSeen = () => document.visibilityState !== 'hidden';
    const turn = () => live.seen(isSeen());
    live.start(isSeen());
    document.addEventListener('visibilitychange', turn);
    return () => {
      document.removeEventListener('visibilitychange', turn);
      live.stop();
    };
  }, [live]);
  const app = useMemo(
    () => ({ session, live, notify, canOperate: session.role !== 'viewer' }),
    [session, live, notify],
  );
  return (
    <AppContext.Provider value={app}>
      <Shell route={route} onLogout={onLogout} tools={keys.buttons}>
        <View route={route} />
      </Shell>
      {keys.dialogs}
      <Toasts toasts={toasts} />
    </AppContext.Provider>
  );
}

// The code works once; it leaves the address (and the history) before anything else happens.
function takeLoginCode(): string | null {
  const code = loginCode(location.hash);
  if (code !== null) history.replaceState(null, '', `${location.pathname}#/dags`);
  return code;
}

// Why the login provider let nobody in, once: the address is the page's again.
function takeLoginError(): string {
  const word = loginError(location.hash);
  if (word === null) return '';
  history.replaceState(null, '', `${location.pathname}#/dags`);
  return signOnProblem(word);
}

async function begin(code: string | null, failed: string): Promise<Session | string> {
  if (code !== null) {
    try {
      return await api.login({ code });
    } catch {
      // A link opened twice: whoever is still signed in from the first time goes on.
    }
  }
  try {
    return await api.session();
  } catch {
    return code === null ? failed : t('This link has been used or is too old. Sign in with a password.');
  }
}

export function App() {
  const [session, setSession] = useState<Session | null>(null);
  const [message, setMessage] = useState<string | null>(null); // null: not known yet
  const enter = (next: Session) => {
    setCsrfToken(next.csrf_token);
    setSession(next);
  };
  const leave = (reason: string) => {
    setCsrfToken('');
    setSession(null);
    setMessage(reason);
  };
  useEffect(() => {
    setUnauthorizedHandler(() => leave(t('Your session has ended. Please sign in again.')));
    void begin(takeLoginCode(), takeLoginError()).then((result) =>
      typeof result === 'string' ? leave(result) : enter(result),
    );
  }, []);
  const logout = (from: Session) =>
    void api.logout().catch(() => undefined).then(() => {
      leave('');
      // The provider's session ends where the provider says: else its button would let anybody in.
      if (from.logout_url !== undefined) location.assign(from.logout_url);
    });
  if (session) return <SignedIn session={session} onLogout={() => logout(session)} />;
  if (message === null) return <p class="loading" role="status">{t('Loading…')}</p>;
  return <LoginView message={message} onLogin={enter} />;
}
