// A list of the registry whose rows are made, changed and deleted by who may.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Noun } from '../lib/format';
import { useApp } from '../lib/hooks';
import { useMay } from '../lib/may';
import type { Rows } from '../lib/pages';
import { t } from '../lib/words';
import { ConfirmDialog } from '../views/confirm_dialog';
import { PagedTable } from './paged_table';
import type { Column } from './simple_table';

interface Props<T> {
  read: (page: { limit: number; offset: number }, signal: AbortSignal) => Promise<Rows<T>>;
  columns: readonly Column<T>[];
  nameOf: (row: T) => string;
  empty: string;
  noun: Noun;
  everyMs?: number;
  resource: string; // whose rights decide: "admin:pools"
  add: string; // on the button
  isFixed?: (row: T) => boolean; // nobody changes or deletes it
  cannotChange?: (row: T) => boolean; // it is only deleted
  remove: (row: T) => Promise<unknown>;
  removeText: string; // what it means
  form: (row: T | null, onClose: () => void, onDone: () => void) => ComponentChildren; // null: a new one
}

type Pending<T> = { act: 'new' } | { act: 'change' | 'delete'; row: T } | null;

export function EditedList<T>({ read, columns, nameOf, empty, noun, everyMs, resource, add, isFixed, cannotChange, remove, removeText, form }: Props<T>) {
  const { notify } = useApp();
  const may = { create: useMay('create', resource), edit: useMay('edit', resource), delete: useMay('delete', resource) };
  const [pending, setPending] = useState<Pending<T>>(null);
  const [stamp, setStamp] = useState(0);
  const done = (text: string) => {
    notify(text);
    setStamp((old) => old + 1);
  };
  const close = () => setPending(null);
  const acts: Column<T> = {
    name: t('Change'),
    cell: (row) =>
      isFixed?.(row) === true ? null : (
        <span class="row-acts">
          {may.edit && cannotChange?.(row) !== true && (
            <button type="button" class="link-button" aria-label={t('Change {name}', { name: nameOf(row) })} onClick={() => setPending({ act: 'change', row })}>
              {t('Change…')}
            </button>
          )}
          {may.delete && (
            <button type="button" class="link-button" aria-label={t('Delete {name}', { name: nameOf(row) })} onClick={() => setPending({ act: 'delete', row })}>
              {t('Delete…')}
            </button>
          )}
        </span>
      ),
  };
  return (
    <>
      {may.create && (
        <div class="toolbar">
          <button type="button" class="button button-primary" onClick={() => setPending({ act: 'new' })}>
            {add}
          </button>
        </div>
      )}
      <PagedTable read={read} columns={may.edit || may.delete ? [...columns, acts] : columns} keyOf={nameOf} empty={empty} noun={noun} stamp={stamp} {...(everyMs === undefined ? {} : { everyMs })} />
      {pending?.act === 'new' && form(null, close, () => done(t('It is made.')))}
      {pending?.act === 'change' && form(pending.row, close, () => done(t('{name} is changed.', { name: nameOf(pending.row) })))}
      {pending?.act === 'delete' && (
        <ConfirmDialog title={t('Delete {name}?', { name: nameOf(pending.row) })} text={removeText} button={t('Delete')} danger act={() => remove(pending.row)} onClose={close} onDone={() => done(t('{name} is deleted.', { name: nameOf(pending.row) }))} />
      )}
    </>
  );
}
