// The lake_sql plugin: what it reads, and what it must not do.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lakelog/branch.h"
#include "lakelog/log_folder.h"
#include "lakelog/snapshot.h"
#include "tests/plugins/lake_home.h"

using namespace batuta;

TEST_CASE("tables are found by path and by layer") {
  LakeHome home;
  CHECK(home.rows("SELECT ticker, volume FROM silver.quotes ORDER BY 1") ==
        json::parse(R"([["AAPL",3],["PETR4",1]])"));
  CHECK(home.rows("SELECT ticker, volume FROM silver.financial.quotes ORDER BY 1") ==
        json::parse(R"([["AAPL",3],["PETR4",1]])"));
  CHECK(home.rows("SELECT ticker, volume FROM Silver.FINANCIAL.quotes ORDER BY 1") ==
        json::parse(R"([["AAPL",3],["PETR4",1]])"));
  CHECK(home.rows("SELECT count(*) FROM \"bronze/financial/quotes\"") == json::parse("[[2]]"));
  CHECK(home.rows("SELECT max(close), max(date) FROM gold.financial_data_hour") ==
        json::parse(R"([["9.200000","2026-11-20T10:00:00Z"]])"));
}

TEST_CASE("the first rows of a table, of any version") {
  LakeHome home;
  const auto host = home.ask({{"operation", "head"}, {"table", silver_table}, {"limit", 1}});
  REQUIRE(home.returned == 0);
  const auto result = json::parse(host->result);
  CHECK(result["rows"].size() == 1);
  CHECK(result["cut"] == true);
  CHECK(result["columns"][1] == "ticker");
  CHECK(home.ask({{"operation", "head"}, {"table", silver_table}, {"version", 0}})->failure == "");
  CHECK(home.refusal({{"operation", "head"}, {"table", silver_table}, {"version", 7}})
            .starts_with(silver_table + std::string(" version 7 does not exist")));
  CHECK(home.refusal({{"operation", "head"}, {"table", "silver/none"}}) ==
        "there is no table silver/none");
  CHECK(home.refusal({{"operation", "head"}, {"table", "../../etc"}}).find("not a table name") !=
        std::string::npos);
}

TEST_CASE("the rows of a statement are written as Parquet with their types, all of them or none") {
  LakeHome home;
  const std::string folder = std::filesystem::path(home.lake).parent_path().string() + "/given";
  const auto asked = [&](const std::string& sql, int limit) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    return json{{"sql", sql}, {"limit", limit}, {"result_folder", folder}};
  };
  const auto host =
      home.ask(asked("SELECT ticker, volume FROM silver.quotes ORDER BY 1; -- these", 2));
  REQUIRE(host->failure == "");
  const auto told = json::parse(host->result);
  CHECK(told["rows"] == 2);
  CHECK(told["file"] == "rows.parquet");
  CHECK(told["tables"][0]["table"] == silver_table);
  CHECK(whole_file(folder + "/rows.parquet").starts_with("PAR1"));
  CHECK(home.refusal(asked("FROM silver.quotes", 1)).find("more than 1 rows") != std::string::npos);
  for (const char* attack : {"SELECT 1) TO '/tmp/x'; --", "SELECT 1) UNION ALL (SELECT 2",
                             "COPY (SELECT 1) TO '/tmp/x'"}) {
    CAPTURE(attack);
    CHECK_FALSE(home.refusal(asked(attack, 5)).empty());
    CHECK_FALSE(std::filesystem::exists(folder + "/rows.parquet"));
  }
}

TEST_CASE("SQL from outside can only read, and only the lake") {
  LakeHome home;
  const std::string entry =
      home.lake + "/silver/financial/quotes/_delta_log/" + "00000000000000000000.json";
  const std::string before = whole_file(entry);
  const std::string copy = "COPY (SELECT 1) TO '" + entry + "'";
  const std::string merge =
      "MERGE INTO silver.quotes USING silver.quotes ON true WHEN MATCHED THEN DELETE";
  const std::vector<std::string> attacks = {
      copy, "EXPLAIN " + copy, "EXPLAIN ANALYZE " + copy, "eXpLaIn /* */ analyze\n" + copy,
      "EXPLAIN ANALYZE CREATE TABLE t(a int)", "EXPLAIN ANALYZE DROP VIEW silver.quotes",
      "EXPLAIN SELECT 1", "PREPARE p AS " + copy, "EXECUTE p", "CREATE TABLE t(a int)",
      "CREATE MACRO m() AS 1", "CREATE TEMP VIEW v AS SELECT 1", "DROP VIEW silver.quotes",
      "INSERT INTO silver.quotes SELECT 1", "DELETE FROM silver.quotes",
      "UPDATE silver.quotes SET volume = 1", merge, "SET threads = 4", "RESET threads",
      "SET VARIABLE x = 1", "ATTACH 'x.db'", "DETACH memory", "USE memory", "INSTALL httpfs",
      "LOAD httpfs", "EXPORT DATABASE '" + home.lake + "'", "IMPORT DATABASE '" + home.lake + "'",
      "CHECKPOINT", "VACUUM", "BEGIN", "CALL pragma_version()", "PRAGMA version", "SHOW TABLES",
      "SELECT 1; SELECT 2", "SELECT 1; " + copy, "PRAGMA version; DROP VIEW silver.quotes", "", ";",
      "-- nothing", "WITH a AS (" + copy + ") SELECT 1",
      "WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a",
      "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM read_blob('" + entry + "')",
      "SELECT * FROM read_csv('" + home.lake + "/../run/../../secret')",
      "SELECT * FROM read_parquet('" + home.lake + "/*/*/*/*/*.parquet')",
      "SELECT * FROM READ_JSON('" + entry + "')", "SELECT * FROM main.read_text('/etc/passwd')",
      "SELECT * FROM system.main.read_text('/etc/passwd')", "SELECT * FROM '" + entry + "'",
      "SELECT * FROM \"" + entry + "\"", "FROM '/etc/passwd'", "TABLE '/etc/passwd.csv'",
      "DESCRIBE '" + entry + "'", "SUMMARIZE '" + entry + "'", "SELECT * FROM glob('/etc/*')",
      "SELECT (SELECT content FROM read_text('/etc/passwd'))",
      "SELECT 1 WHERE EXISTS (FROM read_text('/etc/passwd'))",
      "WITH RECURSIVE r AS (SELECT 1 UNION ALL FROM read_text('/etc/passwd')) FROM r",
      "SELECT * FROM range(1) ORDER BY (SELECT content FROM read_text('/etc/passwd'))",
      "WITH \"" + entry + "\" AS (SELECT 1) SELECT * FROM \"" + entry + "\"",
      "SELECT * FROM (WITH \"" + entry + "\" AS (SELECT 1) SELECT 1), \"" + entry + "\"",
      // Names that WITH defines elsewhere, for what the session holds beside the tables.
      "SELECT * FROM silver.quotes, (WITH lake_table_1_files AS (SELECT 1) SELECT 1), "
      "lake_table_1_files",
      "WITH a AS (SELECT (WITH lake_table_1_files AS (SELECT 1) SELECT 1) FROM silver.quotes) "
      "FROM a, lake_table_1_files",
      "WITH lake_table_1_files AS (FROM lake_table_1_files) SELECT 1 FROM silver.quotes",
      "WITH RECURSIVE r AS (FROM r UNION ALL FROM r WHERE false) FROM r",
      "SELECT * FROM query('" + std::string("FROM read_text(''/etc/passwd'')") + "')",
      "SELECT * FROM query_table('silver.quotes')", "SELECT * FROM parquet_metadata('x')",
      "SELECT * FROM sniff_csv('/etc/passwd')", "SELECT * FROM duckdb_settings()",
      "SELECT * FROM duckdb_secrets()", "SELECT * FROM information_schema.tables",
      "SELECT * FROM pg_catalog.pg_class", "SELECT * FROM memory.main.lake_table_1",
      "SELECT * FROM temp.information_schema.tables", "SELECT * FROM system.main.duckdb_settings",
      "SELECT * FROM lake_table_1", "SELECT * FROM temp.lake_table_1_files",
      "SELECT current_setting('temp_directory')", "SELECT getvariable('lake_table_1_files')",
      "SELECT getenv('HOME')", "SELECT GetEnv('HOME')", "SELECT nextval('s')",
      "SELECT write_log('x')", "SELECT json_serialize_plan('FROM read_text(''/etc/passwd'')')",
      "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
      "SELECT sum(getenv('HOME')::INT) OVER () FROM silver.quotes",
      "SELECT list_transform([1], x -> getenv('HOME'))", "SELECT * FROM checkpoint()",
      "SELECT * FROM enable_logging()", "SELECT * FROM histogram(silver.quotes, volume)",
      "SELECT * FROM silver.quotes AT (VERSION => 0)", "SELECT nothing", "SELEC 1",
      std::string("SELECT 1\0; DROP VIEW x", 22)};
  for (const std::string& sql : attacks) {
    CAPTURE(sql);
    CHECK_FALSE(home.refusal({{"sql", sql}}).empty());
    REQUIRE(whole_file(entry) == before);
  }
  CHECK(home.refusal({{"sql", "EXPLAIN ANALYZE " + copy}}).find("only one SELECT is allowed") !=
        std::string::npos);
  CHECK(home.refusal({{"sql", "SELECT 1; SELECT 2"}}) ==
        "one SELECT is expected, not 2 statements");
  // And what is no attack goes on.
  CHECK(home.rows("SELECT count(*) FROM silver.quotes") == json::parse("[[2]]"));
}

TEST_CASE("what SELECT can be is allowed") {
  LakeHome home;
  for (const std::string sql :
       {"SELECT 1", "VALUES (1)", "FROM silver.quotes", "TABLE silver.quotes",
        "DESCRIBE silver.quotes", "SUMMARIZE silver.quotes",
        "WITH a AS (SELECT * FROM silver.quotes) SELECT ticker, row_number() OVER () FROM a",
        "WITH a AS (SELECT 1), b AS (FROM a) SELECT (SELECT count(*) FROM A) FROM b UNION FROM a",
        "WITH a AS MATERIALIZED (SELECT 1 i) FROM a WHERE EXISTS (WITH b AS (FROM a) FROM b, a)",
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 3) FROM r",
        "SELECT s.ticker FROM silver.quotes s JOIN gold.financial_data_hour USING (ticker)",
        "SELECT * FROM range(3), generate_series(1, 2), unnest([1, 2])",
        "PIVOT silver.quotes ON ticker IN ('PETR4') USING sum(volume)",
        "SELECT list_transform([1, 2], x -> x + 1), now(), random(), version()",
        "SELECT 'COPY (SELECT 1) TO x', \"ticker\" FROM \"silver/financial/quotes\"",
        "(SELECT 1 UNION SELECT 2) ORDER BY 1; "}) {
    CAPTURE(sql);
    CHECK(home.ask({{"sql", sql}})->failure == "");
  }
}

TEST_CASE("one foreign or broken table leaves the others readable, and none is opened unasked") {
  LakeHome home;
  const auto add = [&home](const std::string& name, const std::string& entry) {
    std::filesystem::create_directories(home.lake + "/" + name + "/_delta_log");
    std::ofstream(home.lake + "/" + name + "/_delta_log/00000000000000000000.json") << entry;
  };
  const std::string protocol = R"({"protocol":{"minReaderVersion":1,"minWriterVersion":2}})"
                               "\n";
  const auto meta = [](const std::string& fields) {
    return R"({"metaData":{"id":"5f7a1c1e-0000-4000-8000-000000000000","format":{"provider":)"
           R"("parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[)" +
           fields +
           R"(]}","partitionColumns":[],"configuration":{}}})"
           "\n";
  };
  const std::string number = R"({\"name\":\"n\",\"type\":\"long\",\"nullable\":true,)"
                             R"(\"metadata\":{}})";
  add("bronze/other/garbage", "not json");
  add("silver/other/columnless", protocol + meta(""));
  add("silver/other/lost", protocol + meta(number) +
                               R"({"add":{"path":"gone.parquet","partitionValues":{},"size":1,)"
                               R"("modificationTime":1,"dataChange":true}})"
                               "\n");
  add("Silver/financial/quotes", protocol + meta(number));
  CHECK(home.rows("SELECT 1") == json::parse("[[1]]"));
  CHECK(home.rows("SELECT count(*) FROM silver.quotes") == json::parse("[[2]]"));
  CHECK(home.rows("SELECT count(*) FROM \"Silver\".quotes") == json::parse("[[0]]"));
  CHECK(home.rows("SELECT count(*) FROM GOLD.Financial_Data_Hour") == json::parse("[[2]]"));
  CHECK(home.refusal({{"sql", "FROM SILVER.quotes"}}).find("could be") != std::string::npos);
  CHECK(home.refusal({{"sql", "FROM silver.quotes, \"Silver\".quotes q"}})
            .find("differ in case only") != std::string::npos);
  CHECK(home.refusal({{"sql", "FROM silver.columnless"}}) ==
        "silver/other/columnless version 0 has no columns");
  CHECK(home.refusal({{"sql", "FROM silver.lost"}})
            .find("silver/other/lost version 0 cannot be read: its file gone.parquet is gone") !=
        std::string::npos);
  CHECK(home.refusal({{"sql", "FROM bronze.garbage"}}).find("bronze/other/garbage") !=
        std::string::npos);
  CHECK(home.refusal({{"sql", "FROM silver.none"}}) ==
        "there is no table silver.none; batuta lake tables lists what there is");
}

TEST_CASE("limits on rows, bytes and time hold") {
  LakeHome home;
  auto host = home.ask({{"sql", "SELECT range FROM range(5000)"}, {"limit", 10}});
  CHECK(json::parse(host->result)["rows"].size() == 10);
  host = home.ask({{"sql", "SELECT repeat('x', 1000) FROM range(500)"}});
  CHECK(json::parse(host->result)["cut"] == true);
  CHECK(host->result.size() < 64u << 10);
  CHECK(home.refusal({{"sql", "SELECT 1"}, {"limit", 0}}).find("limit") != std::string::npos);
  CHECK(home.refusal({{"sql", "SELECT count(*) FROM range(1000000000) a, range(1000) b"},
                      {"timeout", "300ms"}})
            .find("longer than its time-out") != std::string::npos);
}

TEST_CASE("a large result goes row by row to a new file outside of the lake") {
  LakeHome home;
  const std::string folder = home.world.lake.path() + "/home/";
  const auto lines_of = [](const std::string& file) {
    std::ifstream in(file);
    std::vector<json> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
    return lines;
  };
  const auto host = home.ask({{"sql", "SELECT range AS i, repeat('x', 1000) FROM range(5000)"},
                              {"limit", 100'000},
                              {"result_file", folder + "result-1"}});
  INFO(host->failure);
  REQUIRE(home.returned == 0);
  CHECK(json::parse(host->result)["rows"] == 5000);
  auto lines = lines_of(folder + "result-1");  // five times what used to be the cap
  REQUIRE(lines.size() == 5002);
  CHECK(lines[0]["columns"][0] == "i");
  CHECK(lines[5000][0] == 4999);
  CHECK(lines[5001] == json::parse(R"({"rows":5000,"cut":false})"));
  // One cell far over the old cap.
  (void)home.ask({{"sql", "SELECT repeat('x', 3000000)"}, {"result_file", folder + "result-2"}});
  CHECK(lines_of(folder + "result-2")[1][0].get<std::string>().size() == 3'000'000);
  (void)home.ask({{"sql", "FROM range(9)"}, {"limit", 2}, {"result_file", folder + "result-3"}});
  CHECK(lines_of(folder + "result-3").back() ==
        json::parse(R"({"rows":2,"cut":true,"cut_by":"rows"})"));
  // The engine's words keep their lines, so that its mark stands under what it means.
  CHECK(home.refusal({{"sql", "SELECT\n  nothing"}, {"result_file", folder + "result-4"}}) != "");
  const std::string error = lines_of(folder + "result-4").back()["error"];
  const auto excerpt = error.find("LINE 2:   nothing\n");
  REQUIRE(excerpt != std::string::npos);
  CHECK(error.substr(excerpt + 18, 11) == "          ^");
  for (const std::string& bad : {std::string("x.json"), home.lake + "/x.json",
                                 folder + "run/../x.json", folder + "result-1"})
    CHECK(home.refusal({{"sql", "SELECT 1"}, {"result_file", bad}}).find("result_file") !=
          std::string::npos);
}

TEST_CASE("control tables travel with the question") {
  LakeHome home;
  const auto host = home.ask(
      {{"sql",
        "SELECT job_name, records + 1 FROM mngt.ingestion_job_execution WHERE status IS NULL"},
       {"mngt",
        {{"ingestion_job_execution",
          {{"columns",
            {{{"name", "job_name"}, {"type", "string"}},
             {{"name", "records"}, {"type", "long"}},
             {{"name", "status"}, {"type", "string"}}}},
           {"rows", {{"financial", 41, nullptr}, {"other", "1", "SUCCESS"}}}}}}}});
  INFO(host->failure);
  REQUIRE(home.returned == 0);
  CHECK(json::parse(host->result)["rows"] == json::parse(R"([["financial",42]])"));
  const json one = {{"t", {{"columns", {{{"name", "n"}, {"type", "long"}}}}, {"rows", {{7}}}}}};
  CHECK(json::parse(home.ask({{"sql", "FROM MNGT.\"T\""}, {"mngt", one}})->result)["rows"] ==
        json::parse("[[7]]"));
  CHECK(home.refusal({{"sql", "FROM mngt.other"}, {"mngt", one}}) ==
        "there is no control table mngt.other; there are mngt.t");
  CHECK(home.refusal({{"sql", "FROM Mngt.t"}}) ==
        "there is no control table Mngt.t; there are none here");
}

TEST_CASE("who may read some layers reads no other, whether it is there or not") {
  LakeHome home;
  const auto ask = [&home](const std::string& sql, json readable) {
    const auto host = home.ask({{"sql", sql}, {"readable", std::move(readable)}});
    return home.returned == 0 ? json::parse(host->result) : json(host->failure);
  };
  const json silver = {"financial/silver"};
  CHECK(ask("SELECT count(*) FROM silver.quotes", silver)["rows"] == json::parse("[[2]]"));
  CHECK(ask("SELECT count(*) FROM silver.financial.quotes", silver)["tables"] ==
        json::parse(R"([{"table":"silver/financial/quotes","version":0}])"));
  CHECK(ask("FROM silver.financial.none", silver)
            .get<std::string>()
            .starts_with("there is no table silver.financial.none"));
  for (const std::string hidden :
       {"bronze.financial.quotes", "\"bronze/financial/quotes\"", "bronze.financial.nothing"}) {
    CAPTURE(hidden);
    const std::string said = ask("SELECT 1 FROM silver.quotes, " + hidden, silver);
    CHECK(said.find("read lake:financial/bronze") != std::string::npos);
  }
  for (const std::string hidden : {"gold.financial_data_hour", "gold.nothing"}) {
    CAPTURE(hidden);
    CHECK(ask("WITH a AS (FROM " + hidden + ") FROM a", silver) ==
          "you may read no table " + hidden);
  }
  CHECK(ask("SELECT count(*) FROM silver.quotes", json::array()) ==
        "you may read no table silver.quotes");
  // What no layer and no domain has asks for no right either.
  for (const std::string path : {"/etc/passwd", "etc//passwd", "etc/passwd/"})
    CHECK(ask("FROM '" + path + "'", silver) == "you may read no table " + path);
  CHECK(ask("SELECT 1", json::array())["rows"] == json::parse("[[1]]"));
}

TEST_CASE("what is wrong with a question can be its answer, with line and column") {
  LakeHome home;
  const auto error = [&home](const std::string& sql, json more = json::object()) {
    more["sql"] = sql;
    more["return_errors"] = true;
    const auto host = home.ask(std::move(more));
    INFO(host->failure);
    REQUIRE(home.returned == 0);
    return json::parse(host->result)["error"];
  };
  const json unknown = error("SELECT 1,\n  nothing FROM silver.quotes");
  CHECK(unknown["kind"] == "sql");
  CHECK(unknown["line"] == 2);
  CHECK(unknown["column"] == 3);
  CHECK(unknown["text"].get<std::string>().find("\n") != std::string::npos);
  const json syntax = error("SELECT 'é', FORM x y");
  CHECK(syntax["line"] == 1);
  CHECK(syntax["column"].get<int>() > 12);
  // Of a long line the engine shows a part.
  const std::string padding(300, ' ');
  const json far = error("SELECT 'a'," + padding + "nothing," + padding + "1 FROM silver.quotes");
  CHECK(far["column"] == 312);
  // A pinned name is longer for the engine than it was written.
  const json pinned = error("SELECT nothing FROM silver.quotes@v0");
  CHECK(pinned["line"] == 1);
  CHECK(pinned["column"].is_null());
  CHECK(error("COPY x TO 'y'")["line"].is_null());
  CHECK(error("FROM silver.none")["text"].get<std::string>().starts_with("there is no table"));
  CHECK(error("FROM silver.quotes", {{"readable", json::array()}})["kind"] == "right");
  CHECK(error("SELECT count(*) FROM range(1000000000) a, range(1000) b",
              {{"timeout", "300ms"}})["kind"] == "time");
}

TEST_CASE("a returned answer has as many bytes as are asked for") {
  LakeHome home;
  const json question{{"sql", "SELECT repeat('x', 1000) FROM range(500)"}, {"bytes", 300'000}};
  const json cut = json::parse(home.ask(question)->result);
  CHECK(cut["cut_by"] == "bytes");
  CHECK(cut["rows"].size() > 200);
  CHECK(cut.dump().size() <= 300'000);
  json more = question;
  more["bytes"] = 16 << 20;
  CHECK(json::parse(home.ask(more)->result)["rows"].size() == 500);
  // One cell over what JSON may have elsewhere.
  CHECK(json::parse(home.ask({{"sql", "SELECT repeat('x', 3000000)"}, {"bytes", 16 << 20}})
                        ->result)["rows"][0][0]
            .get<std::string>()
            .size() == 3'000'000);
  CHECK(home.refusal({{"sql", "SELECT 1"}, {"bytes", (16 << 20) + 1}}).find("bytes") !=
        std::string::npos);
}

TEST_CASE("a query reads a table as a branch of the lake has it, beside the lake's") {
  LakeHome home;
  const std::shared_ptr<lakelog::Storage> lake = *lakelog::open_storage(home.lake);
  const std::string on_branch = "\"" + std::string(silver_table) + "@branch:fix\"";
  CHECK(home.refusal({{"sql", "SELECT 1 FROM " + on_branch}}) == "there is no branch fix");
  const auto branch = lakelog::create_branch(*lake, {"fix", ""});
  REQUIRE(branch.ok());
  const json two = home.rows("SELECT ticker, volume FROM " + on_branch + " ORDER BY 1");
  CHECK(two == json::parse(R"([["AAPL",3],["PETR4",1]])"));
  // On the branch a version without any of the files.
  const auto storage = lakelog::branch_storage(lake, branch->ref());
  const lakelog::LogFolder log(*storage, silver_table);
  const auto snapshot = lakelog::read_snapshot(log);
  REQUIRE(snapshot.ok());
  std::string commit;
  for (const auto& [path, file] : snapshot->files)
    commit +=
        json{{"remove", {{"path", path}, {"dataChange", true}, {"deletionTimestamp", 1}}}}.dump() +
        "\n";
  REQUIRE(log.put_if_absent(snapshot->version + 1, commit).ok());
  CHECK(home.rows("SELECT count(*) FROM " + on_branch) == json::parse("[[0]]"));
  CHECK(home.rows("SELECT count(*) FROM silver.quotes") == json::parse("[[2]]"));
  // As a branch is compared.
  CHECK(
      home.rows("SELECT count(*) FILTER (WHERE l IS NULL), count(*) FILTER (WHERE r IS NULL) FROM "
                "(SELECT l._l AS l, r._r AS r FROM (SELECT true AS _l, * FROM \"" +
                std::string(silver_table) + "@v" + std::to_string(snapshot->version) +
                "\") l FULL JOIN (SELECT true AS _r, * FROM " + on_branch +
                ") r ON l.ticker IS NOT DISTINCT FROM r.ticker) j") == json::parse("[[0,2]]"));
}

TEST_CASE("a statement's plan is told by its steps, and measured where it is run") {
  LakeHome home;
  const std::string sql =
      "SELECT ticker, sum(volume) FROM silver.quotes WHERE volume > 1 GROUP BY 1 ORDER BY 1";
  const auto explained = [&](const std::string& text, bool analyze) {
    const auto host = home.ask({{"operation", "explain"}, {"sql", text}, {"analyze", analyze}});
    INFO(host->failure);
    REQUIRE(home.returned == 0);
    return json::parse(host->result);
  };
  const json plan = explained(sql, false);
  REQUIRE(plan["plan"].size() == 1);
  CHECK(plan["hidden"] == false);
  CHECK(plan["tables"][0]["table"] == silver_table);
  CHECK(plan["plan"][0]["rows"].is_null());
  CHECK(plan["text"].get<std::string>().find("READ_PARQUET") != std::string::npos);
  CHECK(plan["text"].get<std::string>().find("volume>1") != std::string::npos);
  const json run = explained(sql, true);
  CHECK(run["plan"][0]["rows"] == 1);
  CHECK(run["plan"][0]["seconds"].is_number());
  CHECK(run["plan"][0]["operator"] != "EXPLAIN_ANALYZE");
  // Nothing of where the lake lies.
  for (const json& each : {plan, run}) CHECK(each.dump().find(home.lake) == std::string::npos);
  for (const char* other : {"VALUES (1);", "SUMMARIZE silver.quotes -- all of it"})
    CHECK_FALSE(explained(other, true)["plan"].empty());
  CHECK(run["analyzed"] == true);
  CHECK(explained("VALUES (1)", true)["analyzed"] == false);  // the engine measures no such thing
}

TEST_CASE("what may not be run is not explained either") {
  LakeHome home;
  const std::string entry =
      home.lake + "/silver/financial/quotes/_delta_log/00000000000000000000.json";
  const std::string before = whole_file(entry);
  const std::string copy = "COPY (SELECT 1) TO '" + entry + "'";
  for (const std::string& sql :
       {copy, "ANALYZE " + copy, "(ANALYZE) " + copy, "SELECT 1; " + copy,
        std::string("EXPLAIN SELECT 1"), std::string("SELECT * FROM read_text('/etc/passwd')")}) {
    CAPTURE(sql);
    CHECK_FALSE(home.refusal({{"operation", "explain"}, {"sql", sql}, {"analyze", true}}).empty());
    REQUIRE(whole_file(entry) == before);
  }
  CHECK(home.refusal({{"operation", "explain"},
                      {"sql", "FROM silver.quotes"},
                      {"readable", json::array()}})
            .find("you may read no table") != std::string::npos);
}
