// O código de um DAG e as suas versões.
export const codeWords: Readonly<Record<string, string>> = {
  'Version {version}, the newest': 'Versão {version}, a mais nova',
  'Version {version}, {time}': 'Versão {version}, {time}',
  'Show all {count} lines': 'Mostrar todas as {count} linhas',
  'Both versions have the same text.': 'As duas versões têm o mesmo texto.',
  '{added} lines came, {gone} went.': '{added} linhas vieram, {gone} saíram.',
  'Lines': 'Linhas',
  'What changed': 'O que mudou',
  '{count} lines that stayed': '{count} linhas que ficaram',
  'Copied.': 'Copiado.',
  'The browser does not let the page copy: select the text instead.': 'O navegador não deixa a página copiar: selecione o texto.',
  'Copy': 'Copiar',
  'Compare with': 'Comparar com',
  'Compare with…': 'Comparar com…',
};
