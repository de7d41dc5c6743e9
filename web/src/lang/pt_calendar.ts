// O calendário de um DAG.
export const calendarWords: Readonly<Record<string, string>> = {
  'ticks without a run': 'horários sem execução',
  '{count} planned': '{count} previstas',
  'nothing': 'nada',
  'The month before': 'O mês anterior',
  'The month after': 'O mês seguinte',
  'This month': 'Este mês',
  'The year before': 'O ano anterior',
  'The year after': 'O ano seguinte',
  'This year': 'Este ano',
  'By days': 'Por dias',
  'By months': 'Por meses',
  'The DAG is paused: nothing is planned.': 'O DAG está pausado: nada está previsto.',
  'More is planned than the server counts: later days show less than there will be.':
    'Há mais previstas do que o servidor conta: os dias posteriores mostram menos do que haverá.',
  'Not all ticks without a run are shown: the event log has them.': 'Nem todos os horários sem execução são mostrados: o registro de eventos os tem.',
  '{count} ticks without a run, {from} to {to}: {why}': '{count} horários sem execução, de {from} a {to}: {why}',
  'Still to come: {runs}.': 'Ainda por vir: {runs}.',
  'No runs on this day.': 'Nenhuma execução neste dia.',
  '{shown} of {total}.': '{shown} de {total}.',
};
