// Files of scripts that become tables, through the shell's and Python's real C tables.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "plugins/lake/sql_error.h"
#include "plugins/outputs/table_files.h"
#include "plugins/sdk/plugin.h"
#include "tests/plugins/models_fixture.h"

namespace batuta {
namespace {

using nlohmann::json;
using Rows = std::vector<std::string>;

const std::string orders_table = "silver/shop/orders";

struct Scripts : Models {
  Scripts() { plugin = "shell"; }

  static json task(const std::string& command, json output, const std::string& file = "o.csv") {
    output["table"] = output.value("table", orders_table);
    output["file"] = output.value("file", file);
    return {{"command", command + "; echo done"}, {"outputs", {output}}};
  }
  static json csv(const std::string& lines, json output = json::object()) {
    return task("printf 'id,state\\n" + lines + "' >o.csv", std::move(output));
  }
  // Where the table silver/shop/source lies as a file that was handed out.
  std::string read_source() const {
    FakeHost reader;
    reader.context["lake"] = lake.path();
    reader.context["scratch"] = lake.path() + "/_scratch";
    const std::string to = lake.path() + "/_handed_out";
    const auto hand_out = [&](const std::string& table) {
      reader.parameters["reads"] = json::array({table});
      const batuta_host host_table = reader.table();
      plugin::Context context(host_table);
      batuta::outputs::hand_out_tables(context, to);
    };
    json made = json::object();
    made["table"] = orders_table;
    reader.parameters["outputs"] = json::array({made});
    hand_out("silver/shop/source");
    CHECK(reader.reports.at("lineage") ==
          Rows{R"({"from":"silver/shop/source","from_version":0,"to":"silver/shop/orders"})"});
    CHECK_THROWS_WITH_AS(hand_out("silver/shop/nothing"),
                         "reads: there is no table silver/shop/nothing; batuta lake tables lists "
                         "what there is",
                         plugin::FinalError);
    return to + "/silver/shop/source.parquet";
  }
  static json contract(const std::string& properties, const std::string& quality = "") {
    return {{"name", "shop/orders"},
            {"yaml",
             "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 2.0.0\nstatus: active\n"
             "domain: shop\nschema:\n  - name: orders\n    properties:\n" +
                 properties + quality}};
  }
};

const std::string order_columns =
    "      - {name: id, logicalType: integer, primaryKey: true, required: true}\n"
    "      - {name: day, logicalType: date}\n"
    "      - {name: amount, logicalType: number, physicalType: 'decimal(10,2)', "
    "logicalTypeOptions: {minimum: 0}}\n";

}  // namespace

TEST_CASE_FIXTURE(Scripts, "a CSV file becomes a table, its types told from all its rows") {
  run("r1", csv("1,new\\n2,gone\\n"));
  CHECK(rows(orders_table, "SELECT id + 1, state FROM t ORDER BY 1") == Rows{"2|new", "3|gone"});
  CHECK(host->record_count == 2);
  CHECK(host->result == R"("done")");
  CHECK(host->reports.at("files").size() == 1);
  // The same file again is no new version.
  CHECK(version(orders_table) == 0);
  run("r2", csv("1,new\\n2,gone\\n"));
  CHECK(host->outputs.empty());
  CHECK(said("none of them new: no new version"));
}

TEST_CASE_FIXTURE(Scripts, "merge, append and partitions are a model's") {
  const json merge{{"mode", "merge"}, {"keys", {"id"}}, {"delete_when", "state = 'gone'"}};
  run("r1", csv("1,new\\n2,new\\n", merge));
  run("r2", csv("2,gone\\n3,new\\n", merge));
  CHECK(rows(orders_table, "SELECT id, state FROM t ORDER BY 1") == Rows{"1|new", "3|new"});
  const json append{{"mode", "append"}, {"table", "silver/shop/log"}};
  run("r1", csv("1,a\\n", append));
  run("r1", csv("2,a\\n", append));  // the same run anew: its own rows go
  run("r2", csv("3,a\\n", append));
  CHECK(rows("silver/shop/log", "SELECT id FROM t ORDER BY 1") == Rows{"2", "3"});
  const json parts{{"mode", "partitions"}, {"partition_by", {"state"}}, {"table", "gold/shop/x"}};
  run("r1", csv("1,a\\n2,b\\n", parts));
  run("r2", csv("3,b\\n", parts));
  CHECK(rows("gold/shop/x", "SELECT id, state FROM t ORDER BY 1") == Rows{"1|a", "3|b"});
}

TEST_CASE_FIXTURE(Scripts, "Parquet and JSON lines, and several tables of one script") {
  plugin = "sql_model";
  put("silver/shop/source", "SELECT 7 AS n, DATE '2026-01-02' AS day");
  plugin = "shell";
  json both = task("printf '{\"a\": 1, \"b\": \"x\"}\\n{\"a\": 2}\\n' >j.jsonl; cp " + lake.path() +
                       "/silver/shop/source/*.parquet p.parquet",
                   {{"file", "j.jsonl"}});
  both["outputs"].push_back({{"table", "gold/shop/copied"},
                             {"file", "p.parquet"},
                             {"quality", {{{"rule", "rows"}, {"min", 1}}}}});
  // A table's file has the columns that its result may not bring itself. The first file was handed
  // in before; with the attempt the host drops it.
  attempt("run-refused", both);
  CHECK(returned != 0);
  CHECK(host->failure.find("is a column that every model's table has") != std::string::npos);
  both["outputs"].erase(1);
  run("r1", both);
  CHECK(rows(orders_table, "SELECT a, b FROM t ORDER BY 1") == Rows{"1|x", "2|NULL"});
}

// No program here writes Parquet but the engine: a task reads a table, and hands in what it read.
TEST_CASE_FIXTURE(
    Scripts, "a table that is read comes back as a folder of Parquet files, as Spark leaves one") {
  plugin = "sql_model";
  put("silver/shop/source", "SELECT 7 AS n, 'x' AS execution");
  plugin = "shell";
  const std::string parts =
      "rm -rf p.parquet; mkdir p.parquet && touch p.parquet/_SUCCESS p.parquet/.part.crc && cp \"" +
      read_source() + "\" p.parquet/part-1.parquet";
  const json as_parquet{{"file", "p.parquet"}};
  run("r1", task(parts, as_parquet));
  run("r2", task(parts + " && cp p.parquet/part-1.parquet p.parquet/part-2.parquet", as_parquet));
  CHECK(rows(orders_table, "SELECT n, execution FROM t") == Rows{"7|x", "7|x"});
  CHECK(refusal(task("rm -rf p.parquet; mkdir p.parquet", as_parquet))
            .find("holds no Parquet file") != std::string::npos);
  CHECK(refusal(task(parts + " && mkdir p.parquet/day=1", as_parquet))
            .find("holds \"day=1\", which is no Parquet file") != std::string::npos);
  CHECK(refusal(task(parts + " && ln -s /etc/passwd p.parquet/l.parquet", as_parquet))
            .find("holds \"l.parquet\"") != std::string::npos);
  CHECK(refusal(task("rm -f o.csv; mkdir o.csv", {{"file", "o.csv"}})).find("must be of Parquet") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(Scripts,
                  "a file without rows, values or fractions fits the table that it made before") {
  const auto of = [&](const std::string& lines) {
    return task("printf 'id,share\\n" + lines + "' >o.csv", {{"mode", "merge"}, {"keys", {"id"}}});
  };
  run("r1", of("1,0.5\\n"));
  run("r2", of("2,7\\n"));
  run("r3", of("3,\\n"));
  run("r4", of(""));
  CHECK(host->outputs.empty());
  CHECK(rows(orders_table, "SELECT id, CAST(share * 2 AS BIGINT) FROM t ORDER BY 1") ==
        Rows{"1|1", "2|14", "3|NULL"});
  CHECK(refusal(of("4,9007199254740993\\n")).find("more digits than the table's keeps") !=
        std::string::npos);
  CHECK(refusal(of("half,1\\n")).find("Could not convert string *** to") != std::string::npos);
  CHECK(refusal(task("printf '' >o.csv", json::object())).find("is empty") != std::string::npos);
}

TEST_CASE_FIXTURE(Scripts, "nothing is handed in when the task fails, or one of its files does") {
  json fails = csv("1,new\\n");
  fails["command"] = "printf 'id\\n1\\n' >o.csv; exit 3";
  attempt("r1", fails);
  CHECK(returned != 0);
  CHECK(host->outputs.empty());
  CHECK(refusal(csv("1,new\\n1,old\\n", {{"keys", {"id"}}})).find("keys_unique") !=
        std::string::npos);
  CHECK(refusal(csv("1,\\n", {{"quality", {{{"rule", "not_null"}, {"column", "state"}}}}}))
            .find("not_null_state") != std::string::npos);
  CHECK(refusal(task("true", {{"file", "missing.csv"}})).find("was not written") !=
        std::string::npos);
  CHECK(refusal(task("ln -sf /etc/passwd link.csv", {{"file", "link.csv"}}))
            .find("is no file of the task's own folder") != std::string::npos);
  CHECK(refusal(task("true", {{"file", "../x.csv"}})).find("must lie in the task's own folder") !=
        std::string::npos);
  CHECK(refusal(task("echo no parquet >x.parquet", {{"file", "x.parquet"}}))
            .starts_with("output silver/shop/orders: "));
  run("r1", csv("1,new\\n"));
  CHECK(refusal(task("printf 'id\\nx\\n' >o.csv", json::object()))
            .find("Could not convert string *** to") != std::string::npos);
}

TEST_CASE("too little memory or disk is no fault of what was read") {
  using lake::is_shortage;
  using lake::SqlError;
  CHECK(is_shortage(SqlError("Out of Memory Error: failed to allocate data of size 1.0 MiB")));
  CHECK(is_shortage(SqlError("IO Error: Could not write file \"x\": No space left on device")));
  CHECK_FALSE(is_shortage(SqlError("Invalid Input Error: Malformed JSON in file \"x\"")));
  CHECK_FALSE(is_shortage(SqlError("IO Error: Cannot open file \"x\": Permission denied")));
}

TEST_CASE_FIXTURE(Scripts, "why a file is refused tells the line, and no row or value of it") {
  const std::string bytes = refusal(csv("1,ann\\n2,\\377ann\\n"));
  CHECK(bytes.find("CSV Error on Line: ") != std::string::npos);
  CHECK(bytes.find("not UTF-8") != std::string::npos);
  CHECK(bytes.find("ann") == std::string::npos);
  using lake::without_values;
  CHECK(without_values("Invalid Input Error: CSV Error on Line: 3\nOriginal Line: 2,ann,x\n"
                       "Expected Number of Columns: 2 Found: 3\nPossible fixes:\n* none") ==
        "Invalid Input Error: CSV Error on Line: 3. Expected Number of Columns: 2 Found: 3");
  CHECK(without_values("Conversion Error: CSV Error on Line: 7\nOriginal Line: ann,x\n"
                       "Error when converting column \"id\". Could not convert string \"ann\" to "
                       "'BIGINT'\n\nColumn id is being converted as type BIGINT") ==
        "Conversion Error: CSV Error on Line: 7, column id");
  CHECK(without_values("Conversion Error: Could not convert string 'O'Brien\nann' to INT64 when "
                       "casting from source column x\n\nLINE 1: SELECT 'y'") ==
        "Conversion Error: Could not convert string *** to INT64 when casting from source column "
        "x");
  CHECK(without_values("Conversion Error: Type INT32 with value 300 can't be cast because the "
                       "value is out of range for the destination type INT8") ==
        "Conversion Error: Type INT32 with value *** can't be cast because the value is out of "
        "range for the destination type INT8");
  CHECK(without_values("Invalid Input Error: Could not parse string \"ann\" according to format "
                       "specifier \"%Y\"\nann\n^") ==
        "Invalid Input Error: Could not parse string ***");
  CHECK(without_values("Out of Range Error: Overflow in addition of INT64 (92 + 5)!") ==
        "Out of Range Error: Overflow in addition of INT64");
  const std::string names = "Binder Error: no column \"a\"\n\nLINE 1: SELECT a";
  CHECK(without_values(names) == names);
}

TEST_CASE_FIXTURE(Scripts, "a contract types a file's columns and takes it as a whole or not") {
  const auto by = [&](const std::string& lines, const std::string& quality = "") {
    return task("printf 'id,day,amount\\n" + lines + "' >o.csv",
                {{"contract", contract(order_columns, quality)}, {"mode", "merge"}});
  };
  run("r1", by("1,2026-01-02,1.5\\n2,,\\n"));
  CHECK(rows(orders_table, "SELECT id, day + 1, amount * 2 FROM t ORDER BY 1") ==
        Rows{"1|2026-01-03|3.00", "2|NULL|NULL"});
  CHECK(json::parse(host->outputs.at(0)).dump().find("2.0.0") != std::string::npos);
  const std::string bad = refusal(by("x,2026-02-30,-1\\n3,,\\n"));
  CHECK(bad.find("breaks the contract shop/orders") != std::string::npos);
  CHECK(bad.find("bad_id in 1 rows") != std::string::npos);
  CHECK(bad.find("bad_day in 1 rows") != std::string::npos);
  CHECK(bad.find("amount_below_minimum in 1 rows") != std::string::npos);
  CHECK(refusal(by("1,,\\n1,,\\n")).find("keys_unique") != std::string::npos);
  CHECK(refusal(by("1,,\\n", "    quality:\n      - {metric: rowCount, mustBeGreaterThan: 5}\n"))
            .find("quality") != std::string::npos);
  const std::string other =
      refusal(task("printf 'day,more\\n,1\\n' >o.csv",
                   {{"contract", contract(order_columns)}, {"mode", "merge"}}));
  CHECK(other.find("columns that the contract does not: more") != std::string::npos);
  CHECK(other.find("columns that the contract requires: id") != std::string::npos);
  // What only a contract's own tasks keep is not passed over.
  const std::string masked =
      order_columns +
      "      - {name: cpf, logicalType: string, customProperties: [{property: batuta.mask, value: "
      "redact}]}\n";
  CHECK(refusal(task("echo id >o.csv", {{"contract", contract(masked)}, {"mode", "merge"}}))
            .find("the contract shop/orders masks cpf") != std::string::npos);
  const std::string kept =
      "    customProperties:\n      - {property: batuta.history, value: true}\n";
  CHECK(refusal(by("3,,\\n", kept)).find("asks for a history") != std::string::npos);
  // JSON lines: a whole number keeps every digit.
  run("r2", task("printf '{\"id\": 9007199254740993, \"amount\": 1.10}\\n' >o.jsonl",
                 {{"contract", contract(order_columns)}, {"mode", "merge"}, {"file", "o.jsonl"}}));
  CHECK(rows(orders_table, "SELECT id, amount FROM t WHERE id > 2") ==
        Rows{"9007199254740993|1.10"});
}

TEST_CASE_FIXTURE(Scripts, "instances of a mapped task cannot replace each other's rows") {
  map_index = 1;
  CHECK(refusal(csv("1,new\\n")).find("merge and partitions can be mapped") != std::string::npos);
  run("r1", csv("1,new\\n", {{"mode", "merge"}, {"keys", {"id"}}}));
}

TEST_CASE_FIXTURE(Scripts, "a Python task hands in what it wrote") {
  plugin = "python";
  run("r1", {{"code",
              "import batuta, os\n"
              "with open(os.path.join(batuta.context.scratch, 'o.csv'), 'w') as f:\n"
              "    f.write('id\\n1\\n2\\n')\n"
              "batuta.result(2)\n"},
             {"outputs", {{{"table", orders_table}, {"file", "o.csv"}}}}});
  CHECK(rows(orders_table, "SELECT sum(id) FROM t") == Rows{"3"});
}

TEST_CASE_FIXTURE(Scripts, "commands and Python code find the tables that they read as files") {
  plugin = "sql_model";
  put("silver/shop/source", "SELECT 7 AS n");
  const json as_parquet = json::array({{{"table", orders_table}, {"file", "o.parquet"}}});
  const json reads = json::array({"silver/shop/source"});
  plugin = "shell";
  run("r1", {{"command", "cp \"$BATUTA_TABLES/silver/shop/source.parquet\" o.parquet"},
             {"reads", reads},
             {"outputs", as_parquet}});
  CHECK(rows(orders_table, "SELECT n FROM t") == Rows{"7"});
  CHECK(host->reports.at("lineage") ==
        Rows{R"({"from":"silver/shop/source","from_version":0,"to":"silver/shop/orders"})"});
  run("r2", {{"command", "echo \"${BATUTA_TABLES-none}\""}});
  CHECK(host->result == R"("none")");
  plugin = "python";
  run("r3", {{"code",
              "import batuta, shutil\n"
              "shutil.copy(batuta.table('silver/shop/source'), 'o.parquet')\n"
              "try:\n    batuta.table('silver/shop/orders')\n"
              "except batuta.Fail as no: batuta.result(str(no))\n"},
             {"reads", reads},
             {"outputs", json::array({{{"table", "gold/shop/again"}, {"file", "o.parquet"}}})}});
  CHECK(rows("gold/shop/again", "SELECT n FROM t") == Rows{"7"});
  CHECK(host->result.find("add it to its \\\"reads\\\"") != std::string::npos);
  plugin = "shell";  // a scratch folder holds one Python attempt
  CHECK(refusal({{"command", "true"}, {"reads", json::array({"silver/shop/nothing"})}}) ==
        "reads: there is no table silver/shop/nothing; batuta lake tables lists what there is");
}

}  // namespace batuta
