import { Fragment } from 'preact';

/** The name of a table or task: a line ends behind a slash, a dot or an underscore, and within a word only where it is longer than the line. */
export function PathName({ name }: { name: string }) {
  return (
    <span class="path-name">
      {name.split(/(?<=[/._])/).map((part, at) => (
        <Fragment key={at}>
          {at > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </span>
  );
}
