// Rows of one table without SQL: the plugin lake_sql's pages and files.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/tar.h"
#include "tests/plugins/lake_home.h"

using namespace batuta;

TEST_CASE("rows of one table are chosen by columns, conditions and order, without any SQL") {
  LakeHome home;
  const auto ask = [&home](json chosen) {
    chosen.update({{"operation", "rows"}, {"table", silver_table}});
    const auto host = home.ask(std::move(chosen));
    INFO(host->failure);
    REQUIRE(home.returned == 0);
    return json::parse(host->result);
  };
  const json names{"ticker", "volume"};
  const json all = ask({{"columns", names}, {"order_by", {"-volume"}}});
  CHECK(all["rows"] == json::parse(R"([["AAPL",3],["PETR4",1]])"));
  CHECK(all["tables"][0]["table"] == silver_table);
  const auto where = [&](json conditions) {
    return ask({{"columns", {"ticker"}}, {"where", std::move(conditions)}})["rows"];
  };
  CHECK(where({"volume > 1"}) == json::parse(R"([["AAPL"]])"));
  CHECK(where({"volume>=1", "ticker != AAPL"}) == json::parse(R"([["PETR4"]])"));
  CHECK(where({"\"ticker\" like PETR%"}) == json::parse(R"([["PETR4"]])"));
  CHECK(where({"ticker is null"}) == json::array());
  CHECK(where({"close = 9.2", "date < 2026-11-20T10:05:30Z"}) == json::parse(R"([["PETR4"]])"));
  // A value is a value, whatever it says.
  CHECK(where({"ticker = ' OR 1=1 --"}) == json::array());
  // Page by page: each row once, and the last page says that it is.
  const json first = ask({{"columns", names}, {"order_by", {"ticker"}}, {"limit", 1}});
  CHECK(first["rows"] == json::parse(R"([["AAPL",3]])"));
  CHECK(first["cut_by"] == "rows");
  const json last =
      ask({{"columns", names}, {"order_by", {"ticker"}}, {"limit", 1}, {"offset", 1}});
  CHECK(last["rows"] == json::parse(R"([["PETR4",1]])"));
  CHECK(last["cut"] == false);
}

TEST_CASE("what is wrong with a choice of rows is told, and no value is rounded") {
  LakeHome home;
  const auto refusal = [&home](const char* what, json values) {
    return home.refusal(
        {{"operation", "rows"}, {"table", silver_table}, {what, std::move(values)}});
  };
  CHECK(refusal("columns", {"tickr"}).find("did you mean \"ticker\"?") != std::string::npos);
  CHECK(refusal("columns", {"ticker", "ticker"}) == "columns: \"ticker\" stands there twice");
  CHECK(refusal("order_by", {"-nothing"}).starts_with("order_by: the table has no column"));
  for (const char* no_condition :
       {"volume", "volume ~ 1", " ", "\"volume", "= 1", "volume is nothing"})
    CHECK(refusal("where", {no_condition}).find("is no condition") != std::string::npos);
  for (const char* no_value : {"volume = 1.5", "volume = many", "close = 9.2000001", "date > soon"})
    CHECK(refusal("where", {no_value}).find("is no value of the column") != std::string::npos);
  CHECK(refusal("where", {"volume like 1%"}).starts_with("where: like is for texts"));
  CHECK(refusal("where", json(std::vector<std::string>(33, "volume = 1"))) ==
        "where: at most 32 conditions");
}

TEST_CASE("what is masked is shown so in pages and files, and neither chooses nor orders rows") {
  LakeHome home;
  const json masks{{"contracts",
                    {{"financial/quotes",
                      {{"masks", {{"ticker", "hash"}}},
                       {"received", json::object()},
                       {"open", {"volume", "close"}}}}}},
                   {"unmasked", json::array()}};
  json asked{{"operation", "rows"},
             {"table", silver_table},
             {"columns", {"ticker", "volume"}},
             {"order_by", {"volume"}},
             {"masks", masks}};
  const auto host = home.ask(asked);
  INFO(host->failure);
  REQUIRE(home.returned == 0);
  const json told = json::parse(host->result);
  CHECK(told["rows"][0][0] != "PETR4");
  CHECK(told["rows"][0][1] == 1);
  const json hidden = told["tables"][0]["masked"];
  CHECK(std::count(hidden.begin(), hidden.end(), "ticker") == 1);
  json wrong = asked;
  wrong["where"] = {"ticker = PETR4"};
  CHECK(home.refusal(wrong).starts_with("where: \"ticker\" is masked for you"));
  wrong = asked;
  wrong["order_by"] = {"-ticker"};
  CHECK(home.refusal(wrong).starts_with("order_by: \"ticker\" is masked for you"));
  const std::string into = home.world.lake.path() + "/home/masked";
  std::filesystem::create_directories(into);
  json file = asked;
  file.update({{"operation", "export"}, {"format", "csv"}, {"result_folder", into}});
  REQUIRE(home.ask(file)->failure == "");
  CHECK(whole_file(into + "/rows.csv").starts_with("ticker,volume\r\n"));
  CHECK(whole_file(into + "/rows.csv").find("PETR4") == std::string::npos);
  // A Parquet file says itself what it hides.
  const std::string beside = home.world.lake.path() + "/home/masked_parquet";
  std::filesystem::create_directories(beside);
  file.update({{"format", "parquet"}, {"result_folder", beside}});
  REQUIRE(home.ask(file)->failure == "");
  const std::string parquet = whole_file(beside + "/rows.parquet");
  CHECK(parquet.find("batuta_masked") != std::string::npos);
  CHECK(parquet.find(std::string(silver_table) + ":ticker") != std::string::npos);
}

TEST_CASE("a table is written as a file, whole or not at all") {
  LakeHome home;
  int folders = 0;
  const auto folder = [&] {
    const std::string path = home.world.lake.path() + "/home/out" + std::to_string(++folders);
    std::filesystem::create_directories(path);
    return path;
  };
  const auto write = [&home](json chosen, const std::string& into) {
    chosen.update({{"operation", "export"}, {"table", silver_table}, {"result_folder", into}});
    const auto host = home.ask(std::move(chosen));
    INFO(host->failure);
    REQUIRE(home.returned == 0);
    return json::parse(host->result);
  };
  const json chosen{{"columns", {"ticker", "close", "volume"}}, {"order_by", {"ticker"}}};
  const auto as = [&](const char* format) {
    json out = chosen;
    out["format"] = format;
    return out;
  };
  std::string into = folder();
  json told = write(as("csv"), into);
  CHECK(told["rows"] == 2);
  CHECK(told["file"] == "rows.csv");
  CHECK(told["tables"][0]["version"] == 0);
  CHECK(whole_file(into + "/rows.csv") ==
        "ticker,close,volume\r\nAAPL,9.200000,3\r\nPETR4,9.200000,1\r\n");
  CHECK(told["bytes"] == whole_file(into + "/rows.csv").size());
  into = folder();
  (void)write(as("jsonl"), into);
  CHECK(whole_file(into + "/rows.jsonl") ==
        "{\"ticker\":\"AAPL\",\"close\":\"9.200000\",\"volume\":3}\n"
        "{\"ticker\":\"PETR4\",\"close\":\"9.200000\",\"volume\":1}\n");
  // The same question has the same bytes, so that a download goes on in a file made anew.
  into = folder();
  const std::string again = folder();
  json where = as("parquet");
  where["where"] = {"volume > 1"};
  CHECK(write(where, into)["rows"] == 1);
  (void)write(where, again);
  CHECK(whole_file(into + "/rows.parquet").starts_with("PAR1"));
  CHECK(whole_file(into + "/rows.parquet") == whole_file(again + "/rows.parquet"));
  // Folders by partition.
  into = folder();
  json hive = as("parquet");
  hive["partition_by"] = {"ticker"};
  CHECK(write(hive, into)["rows"] == 2);
  CHECK(std::filesystem::is_directory(into + "/rows/ticker=AAPL"));
  CHECK(std::filesystem::is_directory(into + "/rows/ticker=PETR4"));
  // The same as one file, for whoever is far away.
  into = folder();
  hive["tar"] = true;
  told = write(hive, into);
  CHECK(told["file"] == "rows.tar");
  CHECK(told["bytes"] == whole_file(into + "/rows.tar").size());
  CHECK_FALSE(std::filesystem::exists(into + "/rows"));
  const std::string unpacked = folder();
  TarReader reader(unpacked);
  REQUIRE(reader.take(whole_file(into + "/rows.tar")).ok());
  REQUIRE(reader.finish().ok());
  CHECK(reader.files() == 2);
  CHECK(std::filesystem::is_directory(unpacked + "/ticker=AAPL"));

  const auto refused = [&](json more, const std::string& where_to) {
    more.update({{"operation", "export"}, {"table", silver_table}, {"result_folder", where_to}});
    return home.refusal(std::move(more));
  };
  for (const char* format : {"csv", "jsonl", "parquet"})
    CHECK(refused({{"format", format}, {"most_bytes", 20}}, folder())
              .find("would be larger than the 20 bytes") != std::string::npos);
  CHECK(refused({{"format", "xlsx"}}, folder()) == "format: parquet, csv or jsonl");
  CHECK(refused({{"partition_by", {"ticker"}}, {"format", "csv"}}, folder())
            .starts_with("partition_by: folders by partition are of Parquet"));
  const std::string none_made = folder();
  CHECK(refused({{"partition_by", {"ticker"}}, {"most_files", 1}}, none_made)
            .starts_with("partition_by: by ticker there would be more than the 1 files"));
  CHECK(std::filesystem::is_empty(none_made));
  CHECK(refused({{"most_files", 0}}, folder()) == "parameter most_files: 1 to 1000000");
  CHECK(refused({{"partition_by", {"nothing"}}}, folder())
            .starts_with("partition_by: \"nothing\" is none of the columns"));
  for (const std::string& bad : {home.lake + "/out", std::string("relative"), into})
    CHECK(refused(json::object(), bad).starts_with("parameter result_folder: must be an empty"));
}
