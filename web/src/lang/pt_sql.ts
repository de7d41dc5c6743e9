// SQL sobre o lago.
export const sqlWords: Readonly<Record<string, string>> = {
  'SQL': 'SQL',
  'run the statement': 'executar a consulta',
  'All tables': 'Todas as tabelas',
  'One SELECT over tables of the lake': 'Um SELECT sobre tabelas do lago',
  'Tables are named layer.domain.table, a version of one layer.domain.table@v12. Ctrl Enter runs it; what ran is kept in the event log.':
    'Tabelas chamam-se camada.domínio.tabela, uma versão de uma delas camada.domínio.tabela@v12. Ctrl Enter executa; o que foi executado fica no registro de eventos.',
  'Run it': 'Executar',
  'Running for {seconds} s…': 'Em execução há {seconds} s…',
  'Line {line}': 'Linha {line}',
  'Line {line}, column {column}': 'Linha {line}, coluna {column}',
  'Tables': 'Tabelas',
  'Put into the statement': 'Inserir na consulta',
  '{count} more: search for them': 'mais {count}: procure por elas',
  'Asked before ({count})': 'Consultas anteriores ({count})',
  'failed': 'falhou',
  'Row': 'Linha',
  'Result': 'Resultado',
  'read': 'lidas:',
  '{count} rows in {seconds} s': '{count} linhas em {seconds} s',
  'The statement gave no rows.': 'A consulta não deu linhas.',
  'The first row is too large for one answer. Choose fewer columns, or a part of its values.':
    'A primeira linha é grande demais para uma resposta. Escolha menos colunas, ou uma parte dos valores.',
  '{column}, row {row}': '{column}, linha {row}',
  'Only the first {count} rows: more of them are too large for one answer. Choose fewer columns, or add them up.':
    'Só as primeiras {count} linhas: mais são grandes demais para uma resposta. Escolha menos colunas, ou some-as.',
  'Only the first {count} rows: there are more. Ask for more rows, or narrow the statement.':
    'Só as primeiras {count} linhas: há mais. Peça mais linhas, ou restrinja a consulta.',
};
