-- The DAGs that somebody has marked as favourites of their own.
CREATE TABLE dag_favorite (
  user_name TEXT NOT NULL REFERENCES app_user (name),
  dag_id TEXT NOT NULL REFERENCES dag (dag_id),
  PRIMARY KEY (user_name, dag_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX dag_favorite_by_dag ON dag_favorite (dag_id);
