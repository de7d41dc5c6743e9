// Os XComs de uma tarefa.
export const xcomWords: Readonly<Record<string, string>> = {
  'list of {count}': 'lista de {count}',
  'object of {count}': 'objeto de {count}',
  '{count} more characters': 'mais {count} caracteres',
  'It needs a key.': 'Precisa de uma chave.',
  'XCom {key} is kept.': 'O XCom {key} foi guardado.',
  'New XCom': 'Novo XCom',
  'New XCom…': 'Novo XCom…',
  'Change XCom {key}': 'Alterar o XCom {key}',
  'Change…': 'Alterar…',
  'Value, as JSON': 'Valor, em JSON',
  'Tasks that read it from now on get the new value; those that have read it are not run again.':
    'As tarefas que o lerem a partir de agora recebem o novo valor; as que já o leram não são executadas de novo.',
  'Secrets in it are shown as ***. What is kept is the text as it stands here: write them anew, or leave the value as it is.':
    'Os segredos nele aparecem como ***. O que se guarda é o texto como está aqui: escreva-os de novo, ou deixe o valor como está.',
  'Keep': 'Guardar',
  'Delete XCom {key}': 'Apagar o XCom {key}',
  'Delete XCom {key}?': 'Apagar o XCom {key}?',
  'A task that reads it then finds none.': 'Uma tarefa que o leia então não encontra nenhum.',
  'Delete': 'Apagar',
};
