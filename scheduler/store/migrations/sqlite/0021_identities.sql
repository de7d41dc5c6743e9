-- Who a user is to a login provider ("<issuer>\n<subject>"); empty: one of our own, with a password.
ALTER TABLE app_user ADD COLUMN identity TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX app_user_identity ON app_user (identity) WHERE identity <> '';
