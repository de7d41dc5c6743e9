// A date or a time: the browser's own box, with its keyboard and in its language, or a text, for templates and for what a box
// would not give back as it was.
import { useState } from 'preact/hooks';
import { boxOf, textOfBox, zoneOf, type PickKind } from '../lib/pickers';
import { language, t, tagOf } from '../lib/words';
import { TextControl, type ControlProps } from './text_control';

const types: Record<PickKind, string> = { date: 'date', time: 'time', 'date-time': 'datetime-local' };

const pickWord = (kind: PickKind) => (kind === 'date' ? t('Pick a date') : kind === 'time' ? t('Pick a time') : t('Pick a date and time'));

interface Props {
  common: ControlProps;
  kind: PickKind;
  text: string;
  original: string; // whose offset from UTC a picked time is told with
  onChange: (text: string) => void;
}

export function PickControl({ common, kind, text, original, onChange }: Props) {
  const [isText, setIsText] = useState(false);
  const box = boxOf(kind, text);
  const asText = isText || box === null;
  const whose = asText ? null : zoneOf(kind, original); // a text tells its offset itself
  const zoneId = `${common.id}-zone`;
  const turn = () => {
    if (asText && box === null) onChange('');
    setIsText(!asText);
  };
  return (
    <div class="pick">
      {asText ? (
        <TextControl
          common={common}
          text={text}
          original={original}
          multiline={false}
          onChange={(next) => {
            setIsText(true); // a text that becomes a date while it is typed keeps its control
            onChange(next);
          }}
        />
      ) : (
        <input {...common} aria-describedby={`${common['aria-describedby']} ${zoneId}`} type={types[kind]} lang={tagOf(language)} step={/\.\d/.test(box) ? '0.001' : '1'} value={box} onInput={(event) => onChange(textOfBox(kind, event.currentTarget.value, original))} />
      )}
      <button type="button" class="button" onClick={turn}>
        {asText ? pickWord(kind) : t('Write it')}
      </button>
      {whose !== null && (
        <p class="field-hint" id={zoneId}>
          {t('Time of {zone}.', { zone: whose })}
        </p>
      )}
    </div>
  );
}
