// As tendências de um DAG.
export const trendWords: Readonly<Record<string, string>> = {
  'Of what': 'De quê',
  'The runs': 'As execuções',
  'Waited': 'Espera',
  'waited': 'espera',
  'Landed after': 'Chegou após',
  'Median duration': 'Duração mediana',
  '19 of 20 took at most': '19 de 20 levaram no máximo',
  'Median landing': 'Chegada mediana',
  'Landing: from when it was due to its end': 'Chegada: de quando estava prevista até o fim',
  'Failures by day': 'Falhas por dia',
  'As a table': 'Como tabela',
};
