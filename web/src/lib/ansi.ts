// Terminal control sequences taken out of log text: colours, cursor moves, titles, and what is left of
// a line after carriage returns. What remains is shown as a text node.

// CSI, OSC (ended by BEL or ST), other two-byte escapes, and the C1 forms of CSI.
const sequences =
  /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]{0,4096}(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]|\u009b[0-?]*[ -/]*[@-~]/g;
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;
// Marks that reorder or hide text could make a line read as something else.
const reordering = /[\u202a-\u202e\u2066-\u2069]/g;

export function stripAnsi(text: string): string {
  let clean = text.replace(sequences, '');
  if (clean.includes('\r')) {
    clean = clean
      .split('\n')
      .map((line) => line.replace(/\r+$/, ''))
      .map((line) => line.slice(line.lastIndexOf('\r') + 1))
      .join('\n');
  }
  return clean.replace(controls, '').replace(reordering, '\ufffd');
}
