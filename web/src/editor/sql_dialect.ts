// DuckDB's SQL as the editor colours it: PostgreSQL's, whose list of keywords has words that people name columns by.
import { PostgreSQL, SQLDialect } from '@codemirror/lang-sql';

const names = new Set(
  ('action class close comment condition content count data day domain event hour id key label length level link location ' +
    'method minute mode month name no number open option owner path position rank ref result role row second share size ' +
    'source start state system temp transaction type uri user value version views work year zone').split(' '),
);

export const lakeSql = SQLDialect.define({
  ...PostgreSQL.spec,
  keywords: (PostgreSQL.spec.keywords ?? '').split(' ').filter((word) => !names.has(word)).join(' '),
});
