// O que só as vistas de views/lake_views.ts dizem: vem com elas, e a primeira vista é tanto menor.
import { addWords } from '../lib/words';
import { accessWords } from './pt_access';
import { actWords } from './pt_acts';
import { assetWords } from './pt_assets';
import { backfillWords } from './pt_backfills';
import { branchWords } from './pt_branches';
import { calendarWords } from './pt_calendar';
import { domainWords } from './pt_domains';
import { lakeWords } from './pt_lake';
import { quarantineWords } from './pt_quarantine';
import { sqlWords } from './pt_sql';
import { trendWords } from './pt_trends';
import { versionWords } from './pt_versions';

export const latePortuguese: Readonly<Record<string, string>> = {
  ...accessWords,
  ...actWords,
  ...assetWords,
  ...backfillWords,
  ...branchWords,
  ...calendarWords,
  ...domainWords,
  ...lakeWords,
  ...quarantineWords,
  ...sqlWords,
  ...trendWords,
  ...versionWords,
};

addWords('pt', latePortuguese);
