// Which columns each column of a model comes of: statements, and what their versions then say.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "lakelog/payload.h"
#include "tests/plugins/models_fixture.h"

using namespace batuta;
using nlohmann::json;

namespace {

// "a=orders.id,orders.n b=? c=" of the columns in the order of their names.
std::string lineage_said(const std::string& output) {
  const auto metrics = json::parse(lakelog::parse_payload(output)->metrics_json);
  std::string out;
  const json told = json::parse(metrics["column_lineage"].get<std::string>());
  for (const auto& [column, origin] : told.items()) {
    out += (out.empty() ? "" : " ") + column + "=";
    if (origin.contains("unknown")) {
      out += "?";
      continue;
    }
    std::string from;
    for (const json& each : origin["from"]) {
      const std::string table = each[0];
      from += (from.empty() ? "" : ",") + table.substr(table.rfind('/') + 1) + "." +
              each[1].get<std::string>();
    }
    out += from;
  }
  return out;
}

}  // namespace

TEST_CASE("columns of a model come of the columns that their expressions name, or say unknown") {
  Models world;
  world.put("silver/shop/orders", "SELECT 1 AS id, 2 AS client, 3 AS n, 'x' AS kind, 'y' AS place");
  world.put("silver/shop/clients", "SELECT 2 AS client, 'ana' AS name, 5 AS n");
  const std::string o = "silver.shop.orders", c = "silver.shop.clients";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"SELECT id, n AS many FROM " + o, "id=orders.id many=orders.n"},
      {"SELECT ID AS id FROM \"silver/shop/orders\"", "id=orders.id"},
      {"SELECT n + id * 2 AS v, 1 AS one, CASE WHEN kind = 'x' THEN n END AS w FROM " + o,
       "one= v=orders.id,orders.n w=orders.kind,orders.n"},
      {"SELECT client, CAST(sum(n) AS BIGINT) AS n, count(*) AS rows FROM " + o + " GROUP BY ALL",
       "client=orders.client n=orders.n rows="},
      {"SELECT o.id, c.name FROM " + o + " o JOIN " + c + " c ON o.client = c.client",
       "id=orders.id name=clients.name"},
      {"SELECT id, name FROM " + o + " JOIN " + c + " USING (client)",
       "id=orders.id name=clients.name"},
      {"SELECT client FROM " + o + " JOIN " + c + " USING (client)", "client=orders.client"},
      {"SELECT client FROM " + o + " RIGHT JOIN " + c + " USING (client)", "client=clients.client"},
      {"SELECT client FROM " + o + " FULL JOIN " + c + " USING (client)",
       "client=clients.client,orders.client"},
      {"SELECT orders.id AS a, ORDERS.N AS b FROM " + o, "a=orders.id b=orders.n"},
      {"SELECT * EXCLUDE (execution_id, _computed_at, _silver_versions, kind, place) FROM " + o,
       "client=orders.client id=orders.id n=orders.n"},
      {"SELECT * FROM (SELECT id, n AS m FROM " + o + ") t", "id=orders.id m=orders.n"},
      {"SELECT t.*, 1 AS one FROM (SELECT id, n + 1 AS m FROM " + o + ") t",
       "id=orders.id m=orders.n one="},
      {"SELECT * REPLACE (id + m AS m) FROM (SELECT id, n AS m FROM " + o + ")",
       "id=orders.id m=orders.id,orders.n"},
      {"SELECT * FROM (SELECT client, id FROM " + o + ") a JOIN (SELECT client, name FROM " + c +
           ") b USING (client)",
       "client=orders.client id=orders.id name=clients.name"},
      {"SELECT * FROM (SELECT client, id FROM " + o + ") NATURAL JOIN (SELECT client, name FROM " +
           c + ")",
       "client=orders.client id=orders.id name=clients.name"},
      {"SELECT client FROM " + o + " a SEMI JOIN (" + c +
           " b JOIN (SELECT 2 AS client) d USING (client)) "
           "ON a.id = b.n",
       "client=orders.client"},
      {"SELECT * FROM (SELECT client, id FROM " + o + ") a SEMI JOIN " + c + " b USING (client)",
       "client=orders.client id=orders.id"},
      {"WITH t AS (SELECT id AS a, n AS b FROM " + o +
           "), u AS (SELECT a, b * 2 AS c FROM t) "
           "SELECT a, c FROM u",
       "a=orders.id c=orders.n"},
      {"WITH t(x, y) AS (SELECT id, n FROM " + o + ") SELECT y, x FROM t",
       "x=orders.id y=orders.n"},
      {"WITH t AS (SELECT id FROM " + o + ") SELECT id FROM (WITH t AS (SELECT n AS id FROM " + o +
           ") SELECT id FROM t)",
       "id=orders.n"},
      {"SELECT id AS v FROM " + o + " UNION ALL SELECT n FROM " + c, "v=clients.n,orders.id"},
      {"SELECT id, n FROM " + o + " UNION ALL BY NAME SELECT n, client AS id FROM " + c,
       "id=clients.client,orders.id n=clients.n,orders.n"},
      {"SELECT id AS v FROM " + o + " EXCEPT SELECT n FROM " + c, "v=orders.id"},
      {"SELECT id, (SELECT max(c.n) FROM " + c + " c WHERE c.client = o.client) AS most FROM " + o +
           " o",
       "id=orders.id most=clients.n"},
      {"SELECT id, (SELECT o.n + min(c.n) FROM " + c + " c) AS v FROM " + o + " o",
       "id=orders.id v=clients.n,orders.n"},
      {"SELECT id, EXISTS (SELECT 1 FROM " + c + " c WHERE c.client = o.client) AS has FROM " + o +
           " o",
       "has= id=orders.id"},
      {"SELECT id, n IN (SELECT c.client FROM " + c + " c) AS has FROM " + o,
       "has=clients.client,orders.n id=orders.id"},
      {"SELECT id, CAST(sum(n) OVER (PARTITION BY kind) AS BIGINT) AS v FROM " + o,
       "id=orders.id v=orders.kind,orders.n"},
      {"SELECT id, n + 1 AS m, m * 2 AS k FROM " + o, "id=orders.id k=orders.n m=orders.n"},
      {"SELECT id, list_sum(list_transform([n, id], x -> x + client)) AS v FROM " + o,
       "id=orders.id v=orders.client,orders.id,orders.n"},
      {"SELECT id, u.v FROM " + o + ", LATERAL (SELECT n + 1 AS v) u", "id=orders.id v=orders.n"},
      {"SELECT v.a, v.b FROM (VALUES (1, 'x')) v(a, b)", "a= b="},
      {"SELECT id, count(*) AS k FROM " + o + " WHERE n > 0 GROUP BY id HAVING max(client) > 0",
       "id=orders.id k="},
      {"FROM (SELECT id FROM " + o + ")", "id=orders.id"},
      // What is not followed is unknown, and nothing is guessed.
      {"SELECT COLUMNS('^id$') FROM " + o, "id=?"},
      {"SELECT id, range AS r FROM " + o + ", range(2)", "id=? r=?"},
      {"WITH RECURSIVE t AS (SELECT 1 AS k UNION ALL SELECT k + 1 FROM t WHERE k < 3) "
       "SELECT k FROM t",
       "k=?"}};
  for (std::size_t at = 0; at < cases.size(); ++at) {
    const auto& [sql, expected] = cases[at];
    const std::string statement = sql;
    CAPTURE(statement);
    world.attempt("run-1", {{"sql", sql}, {"table", "gold/shop/t" + std::to_string(at)}});
    INFO(world.host->failure);
    REQUIRE(world.returned == 0);
    REQUIRE(world.host->outputs.size() == 1);
    CHECK(lineage_said(world.host->outputs[0]) == expected);
  }
}
