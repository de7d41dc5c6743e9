// An editor tells its text, and is drawn with it a little later, when it may have a newer one already. Were it set to
// what it told before, it would tell that anew, and two texts would take turns for ever.

export interface OwnTexts {
  tell: (text: string) => void;
  /** Whether the text it is drawn with is one that it told; else somebody else has put it there. */
  takes: (text: string) => boolean;
}

export function ownTexts(): OwnTexts {
  let told: string[] = [];
  return {
    tell: (text) => told.push(text),
    takes: (text) => {
      const at = told.lastIndexOf(text);
      told = at < 0 ? [] : told.slice(at + 1);
      return at >= 0;
    },
  };
}
