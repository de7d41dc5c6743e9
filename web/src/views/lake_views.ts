// The views of the lake, of assets and of the installation: a file of their own, which is read when the first is opened.
export { AssetsView, AssetView } from './assets';
export { InstallationView } from './installation';
export { LakeView } from './lake';
export { LakeSqlView } from './lake_sql';
export { LakeTableView } from './lake_table';
export { LettersView, LetterTopicsView } from './letters';
export { MonitorsView } from './monitors';
export { QuarantinesView } from './quarantines';
