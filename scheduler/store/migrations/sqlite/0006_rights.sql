-- Roles of one's own, groups of users, and tokens that may less than their user. A user's role is
-- the name of a built-in one or of a row of app_role: which there are, the program checks.

CREATE TABLE app_role (
  name TEXT NOT NULL PRIMARY KEY,
  description TEXT NOT NULL,
  grants TEXT NOT NULL -- "read dag:finance_*", one a line
) STRICT, WITHOUT ROWID;

CREATE TABLE user_group (
  name TEXT NOT NULL PRIMARY KEY,
  description TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE user_group_role (
  group_name TEXT NOT NULL REFERENCES user_group (name),
  role TEXT NOT NULL CHECK (role <> ''),
  PRIMARY KEY (group_name, role)
) STRICT, WITHOUT ROWID;

-- A token goes before its user, and comes back after it.
CREATE TABLE old_token (
  digest BLOB NOT NULL PRIMARY KEY,
  user_name TEXT NOT NULL,
  purpose TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO old_token (digest, user_name, purpose, created_at, expires_at)
  SELECT digest, user_name, purpose, created_at, expires_at FROM token;
DROP TABLE token;

CREATE TABLE new_app_user (
  name TEXT NOT NULL PRIMARY KEY,
  role TEXT NOT NULL CHECK (role <> ''),
  password_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO new_app_user (name, role, password_hash, created_at)
  SELECT name, role, password_hash, created_at FROM app_user;
DROP TABLE app_user;
ALTER TABLE new_app_user RENAME TO app_user;

CREATE TABLE token (
  digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
  user_name TEXT NOT NULL REFERENCES app_user (name),
  purpose TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  scope TEXT NOT NULL -- rights, one a line; '': all that the user has
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_user ON token (user_name);
INSERT INTO token (digest, user_name, purpose, created_at, expires_at, scope)
  SELECT digest, user_name, purpose, created_at, expires_at, '' FROM old_token;
DROP TABLE old_token;

CREATE TABLE user_group_user (
  group_name TEXT NOT NULL REFERENCES user_group (name),
  user_name TEXT NOT NULL REFERENCES app_user (name),
  PRIMARY KEY (group_name, user_name)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_group_user_by_user ON user_group_user (user_name);
