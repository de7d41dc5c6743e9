// The lake's views: a file of their own, which is read when the first of them is opened.
export { LakeView } from './lake';
export { LakeSqlView } from './lake_sql';
export { LakeTableView } from './lake_table';
export { LettersView, LetterTopicsView } from './letters';
export { MonitorsView } from './monitors';
export { QuarantinesView } from './quarantines';
