#include "plugins/postgres_publish/target_statements.h"

#include <algorithm>

namespace batuta::publish {
namespace {

std::string columns_text(const std::vector<TargetColumn>& columns) {
  std::vector<std::string> names;
  for (const TargetColumn& column : columns) names.push_back(column.name);
  return name_list(names);
}

const std::string grantee_text =
    "CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END";
const std::string with_grant = "CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END";
// A column that stays: the new table has one of that name.
const std::string stays =
    "EXISTS (SELECT 1 FROM pg_attribute n WHERE n.attrelid = to_regclass($2::text) AND n.attname = "
    "a.attname AND n.attnum > 0 AND NOT n.attisdropped)";

}  // namespace

std::string sql_name(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string sql_name(const std::string& schema, const std::string& table) {
  return sql_name(schema) + "." + sql_name(table);
}

std::string name_list(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + sql_name(name);
  return out;
}

std::string create_statement(const std::string& table, const std::vector<TargetColumn>& columns) {
  std::string out;
  for (const TargetColumn& column : columns)
    out += (out.empty() ? "" : ", ") + sql_name(column.name) + " " + column.type;
  return "CREATE TABLE " + table + " (" + out + ")";
}

std::string copy_statement(const std::string& table, const std::vector<TargetColumn>& columns) {
  return "COPY " + table + " (" + columns_text(columns) +
         ") FROM STDIN WITH (FORMAT text, ENCODING 'UTF8')";
}

std::vector<std::string> change_statements(const std::string& table, const ShapeChange& change) {
  std::vector<std::string> out;
  for (const TargetColumn& column : change.added)
    out.push_back("ALTER TABLE " + table + " ADD COLUMN " + sql_name(column.name) + " " +
                  column.type);
  for (const TargetColumn& column : change.widened)
    out.push_back("ALTER TABLE " + table + " ALTER COLUMN " + sql_name(column.name) + " TYPE " +
                  column.type);
  return out;
}

std::string merge_statement(const std::string& table, const std::string& staging,
                            const std::vector<TargetColumn>& columns,
                            const std::vector<std::string>& keys) {
  std::string set;
  for (const TargetColumn& column : columns) {
    if (std::find(keys.begin(), keys.end(), column.name) != keys.end()) continue;
    const std::string name = sql_name(column.name);
    set += (set.empty() ? "" : ", ") + name + " = EXCLUDED." + name;
  }
  const std::string names = columns_text(columns);
  return "INSERT INTO " + table + " (" + names + ") SELECT " + names + " FROM " + staging +
         " ON CONFLICT (" + name_list(keys) + ") DO " +
         (set.empty() ? "NOTHING" : "UPDATE SET " + set);
}

const std::vector<std::string> keep_queries{
    // What the schema gives to new tables by default, the old one may have taken away.
    "SELECT DISTINCT format('REVOKE ALL ON TABLE %s FROM %s', $2::text, " + grantee_text +
        ") FROM pg_class c, aclexplode(c.relacl) x WHERE c.oid = to_regclass($2::text) AND "
        "x.grantee <> c.relowner AND $1::oid IS NOT NULL",
    "SELECT format('GRANT %s ON TABLE %s TO %s%s', x.privilege_type, $2::text, " + grantee_text +
        ", " + with_grant + ") FROM pg_class c, aclexplode(c.relacl) x WHERE c.oid = $1::oid",
    "SELECT format('GRANT %s (%I) ON TABLE %s TO %s%s', x.privilege_type, a.attname, $2::text, " +
        grantee_text + ", " + with_grant +
        ") FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = $1::oid AND NOT "
        "a.attisdropped AND " +
        stays,
    "SELECT format('COMMENT ON TABLE %s IS %L', $2::text, d.description) FROM pg_description d "
    "WHERE d.objoid = $1::oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0",
    "SELECT format('COMMENT ON COLUMN %s.%I IS %L', $2::text, a.attname, d.description) FROM "
    "pg_attribute a JOIN pg_description d ON d.objoid = a.attrelid AND d.classoid = "
    "'pg_class'::regclass AND d.objsubid = a.attnum WHERE a.attrelid = $1::oid AND a.attnum > 0 "
    "AND "
    "NOT a.attisdropped AND " +
        stays,
    "SELECT format('ALTER TABLE %s OWNER TO %I', $2::text, pg_get_userbyid(c.relowner)) FROM "
    "pg_class c WHERE c.oid = $1::oid AND pg_get_userbyid(c.relowner) <> current_user"};

const std::string views_query =
    "SELECT DISTINCT format('%I.%I', n.nspname, v.relname) FROM pg_depend d JOIN pg_rewrite r ON "
    "r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass JOIN pg_class v ON v.oid = r.ev_class "
    "JOIN pg_namespace n ON n.oid = v.relnamespace WHERE d.refclassid = 'pg_class'::regclass AND "
    "d.refobjid = $1::oid AND v.oid <> d.refobjid ORDER BY 1";

const std::string target_query =
    "SELECT c.oid, c.relkind::text, pg_get_userbyid(c.relowner)::text, pg_has_role(c.relowner, "
    "'USAGE'), c.relrowsecurity OR EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid), "
    "coalesce((SELECT string_agg(t.tgname::text, ', ' ORDER BY t.tgname) FROM pg_trigger t WHERE "
    "t.tgrelid = c.oid AND NOT t.tgisinternal), '') FROM pg_class c JOIN pg_namespace n ON n.oid = "
    "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";

const std::string columns_query =
    "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE "
    "a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

}  // namespace batuta::publish
