// Whether the reader may do something that one route alone does: of the built-in roles the page knows, of others it asks.
import * as api from '../api/endpoints';
import { useApp, useResource } from './hooks';

const builtIn = ['none', 'viewer', 'operator'];

/** False until it is known: a button that comes late is better than one that refuses. */
export function useMay(action: 'create' | 'edit' | 'erase' | 'delete' | 'read' | 'trigger', resource: string): boolean {
  const { session } = useApp();
  const isAdmin = session.role === 'admin';
  const asked = useResource((signal) => (isAdmin ? Promise.resolve(true) : api.mayI(action, resource, signal)), [isAdmin, action, resource]);
  return isAdmin || (asked.data ?? false);
}

export const isBuiltIn = (role: string): boolean => role === 'admin' || builtIn.includes(role);
