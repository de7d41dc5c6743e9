// Em que medida se pode confiar numa tabela.
export const trustWords: Readonly<Record<string, string>> = {
  'It is as young as its contract asks.': 'É tão recente quanto o contrato pede.',
  'No contract says how old it may be.': 'Nenhum contrato diz que idade pode ter.',
  'Its newest version is older than its contract allows.': 'A versão mais nova é mais antiga do que o contrato permite.',
  'The newest attempt kept all of its rules.': 'A tentativa mais recente cumpriu todas as regras.',
  'No attempt told of its quality.': 'Nenhuma tentativa falou da sua qualidade.',
  'The newest attempt broke rules that only warn': 'A tentativa mais recente violou regras que só avisam',
  'The newest attempt broke rules, some of which keep a version from being published':
    'A tentativa mais recente violou regras, entre elas das que impedem a publicação de uma versão',
  'It has the columns of its contract.': 'Tem as colunas do seu contrato.',
  'No task names a contract of this table.': 'Nenhuma tarefa indica um contrato desta tabela.',
  'It lacks columns of its contract': 'Faltam colunas do seu contrato',
  'It lacks columns of its contract that must be there': 'Faltam colunas obrigatórias do seu contrato',
  'Its log cannot be read.': 'O log dela não pode ser lido.',
  'trusted': 'confiável',
  'unproven': 'sem provas',
  'doubtful': 'duvidosa',
  'not to be trusted': 'não confiável',
};
