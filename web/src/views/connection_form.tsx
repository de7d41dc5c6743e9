// A connection made or changed: each type has the fields that it uses, under the names that people know them by there.
import * as api from '../api/endpoints';
import type { Connection } from '../api/types';
import { EditDialog } from '../components/edit_dialog';
import type { EditField, Texts } from '../lib/edit_form';
import { t } from '../lib/words';

type Name = 'host' | 'port' | 'schema' | 'login' | 'password' | 'extra';

const words = (): Record<Name, string> => ({
  host: t('Host'),
  port: t('Port'),
  schema: t('Schema'),
  login: t('Login'),
  password: t('Password'),
  extra: t('Extra, as JSON'),
});

// Types that plugins and alerts of ours take, and which fields each of them reads. Any other may be written by hand.
const types: Readonly<Record<string, { fields: readonly Name[]; titles?: Partial<Record<Name, string>> }>> = {
  http: { fields: ['host', 'port', 'login', 'password', 'extra'], titles: { host: t('Address, such as https://api.example.org') } },
  postgres: { fields: ['host', 'port', 'schema', 'login', 'password', 'extra'], titles: { schema: t('Database') } },
  sqlite: { fields: ['host'], titles: { host: t('Path of the file on the worker') } },
  smtp: { fields: ['host', 'port', 'login', 'password', 'extra'] },
  slack: { fields: ['host', 'password'], titles: { host: t('Address of the incoming webhook') } },
  webhook: { fields: ['host', 'password', 'extra'], titles: { host: t('Address'), password: t('Secret of the signature') } },
};
export const connectionTypes = Object.keys(types);

function fieldOf(name: Name, title: string | undefined): EditField {
  const kind = name === 'port' ? 'integer' : name === 'password' ? 'password' : name === 'extra' ? 'json' : 'text';
  return { name, kind, title: title ?? words()[name] };
}

/** Those of its type; what has a value that its type does not use is shown too. */
export function fieldsOf(texts: Texts, connection: Connection | null): EditField[] {
  const chosen = texts['conn_type'] ?? '';
  const known = types[chosen];
  const all: readonly Name[] = ['host', 'port', 'schema', 'login', 'password', 'extra'];
  const has = (name: Name) => connection !== null && connection[name] !== null && connection[name] !== '';
  const shown = all.filter((name) => known === undefined || known.fields.includes(name) || has(name));
  const hidden = (name: Name) => connection !== null && has(name) && (name === 'password' || (typeof connection[name] === 'string' && connection[name].includes('***')));
  return [
    ...(connection === null ? [{ name: 'connection_id', title: t('Name'), kind: 'text' as const, required: true, isKey: true }] : []),
    { name: 'conn_type', title: t('Type'), kind: 'text', required: true, choices: connectionTypes, hint: t('One of those that are offered shows the fields that it uses; any other shows all.') },
    ...shown.map((name) => ({
      ...fieldOf(name, known?.titles?.[name]),
      ...(hidden(name) ? { hint: name === 'password' ? t('It is hidden. What is written here replaces it; empty leaves it as it is.') : t('Secrets in it are shown as ***: write all of it anew, or leave it as it is.') } : {}),
    })),
    { name: 'description', title: t('Description'), kind: 'area' },
  ];
}

const textsOf = (one: Connection): Texts => ({
  conn_type: one.conn_type,
  host: one.host ?? '',
  port: one.port === null ? '' : String(one.port),
  schema: one.schema ?? '',
  login: one.login ?? '',
  password: '',
  extra: one.extra ?? '',
  description: one.description ?? '',
});

// What stands there with *** in it is as it is kept, and goes as nothing written.
async function trial(connection: Connection | null, body: Record<string, unknown>) {
  const shown: Record<string, unknown> = connection === null ? {} : { ...connection };
  const asked = Object.fromEntries(Object.entries(body).filter(([name, value]) => !(value === shown[name] && typeof value === 'string' && value.includes('***'))));
  const { status, message } = await api.tryConnection({ connection_id: connection?.connection_id, ...asked });
  return <p class={status ? undefined : 'field-problem'}>{status ? t('It lets us in. {message}', { message }) : t('It does not: {message}', { message })}</p>;
}

export function ConnectionForm({ connection, ...rest }: { connection: Connection | null; onClose: () => void; onDone: () => void }) {
  const save = (body: Record<string, unknown>) => (connection === null ? api.connections.create(body) : api.connections.change(connection.connection_id, body));
  return (
    <EditDialog
      title={connection === null ? t('New connection') : t('Connection {name}', { name: connection.connection_id })}
      fields={(texts) => fieldsOf(texts, connection)}
      before={connection === null ? null : textsOf(connection)}
      start={{ conn_type: 'http' }}
      save={save}
      trial={{ name: t('Try it'), run: (body) => trial(connection, body) }}
      {...rest}
    />
  );
}
