// Reports of a table's quality, turned round: for each rule what became of it, run by run. Pure.
import type { LakeQualityReport, QualityResult } from '../api/types';

export interface RuleCourse {
  rule: string;
  results: { result: QualityResult; report: LakeQualityReport }[]; // the oldest first
  newest: QualityResult;
  broken: number; // of the results
}

/** `reports`: the newest first, as the API gives them. Rules that are broken now come first, then by name. */
export function rulesOf(reports: readonly LakeQualityReport[]): RuleCourse[] {
  const found = new Map<string, RuleCourse>();
  for (const report of [...reports].reverse()) {
    for (const result of report.results) {
      const rule = result.rule ?? '–';
      const course = found.get(rule) ?? { rule, results: [], newest: result, broken: 0 };
      course.results.push({ result, report });
      course.newest = result;
      course.broken += result.passed === false ? 1 : 0;
      found.set(rule, course);
    }
  }
  const isBroken = (one: RuleCourse) => (one.newest.passed === false ? 0 : 1);
  return [...found.values()].sort((a, b) => isBroken(a) - isBroken(b) || a.rule.localeCompare(b.rule));
}
