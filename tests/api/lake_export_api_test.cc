// Rows of a table over HTTP: pages that go on where they ended, and files that are made once, given
// in parts and written down.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "scheduler/api/lake_exports.h"
#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr char orders[] = "/api/lake/tables/gold/sales/orders";

struct Exports : TestApi {
  const std::string content = "0123456789";

  Exports() {
    lake_answer = [this] {
      const std::string name = "rows." + asked()["format"].get<std::string>();
      std::ofstream(asked()["result_folder"].get<std::string>() + "/" + name) << content;
      return Result<std::string>(
          json({{"rows", 3}, {"bytes", content.size()}, {"file", name}}).dump());
    };
  }
  json asked() const { return json::parse(lake_queries.back()); }
  Response ask(const std::string& query, const Extra& extra = {}) {
    return call(Method::get, orders + query, "", "viewer", extra);
  }
  static std::string header(const Response& response, const std::string& name) {
    for (const auto& [key, value] : response.headers)
      if (key == name) return value;
    return {};
  }
  static std::string bytes(const Response& response) {
    std::string out;
    while (response.stream && !response.stream->ended()) out += response.stream->next();
    CHECK(out.size() == static_cast<std::size_t>(response.stream_bytes.value_or(-1)));
    return out;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Exports,
                  "pages go on in the version and the question that the first one was of") {
  lake_answer = [] {
    return Result<std::string>(R"({"columns":["id"],"rows":[[1],[2]],"cut":true,"cut_by":"rows"})");
  };
  const std::string question = "/rows?columns=id&where=id%20%3E%3D%201&order_by=-id&limit=2";
  const json first = body_of(ask(question));
  CHECK(asked()["columns"] == json({"id"}));
  CHECK(asked()["where"] == json({"id >= 1"}));
  CHECK(asked()["order_by"] == json({"-id"}));
  CHECK(first["version"] == 0);
  const std::string cursor = first["next_cursor"];
  write_lake_version(home, "gold/sales/orders", 1, "{\"commitInfo\":{}}\n");
  const json second = body_of(ask(question + "&cursor=" + cursor));
  CHECK(second["version"] == 0);
  CHECK(asked()["version"] == 0);
  CHECK(asked()["offset"] == 2);
  // Another question, another table's, another version's, or none at all.
  for (const std::string& other :
       {"/rows?limit=2&cursor=" + cursor, question + "&version=1&cursor=" + cursor,
        question + "&cursor=0.2.x", question + "&cursor=" + cursor + "0",
        question + "&at=2026-11-20T10:00:00Z&cursor=" + cursor})
    CHECK(ask(other).status == 422);
  lake_answer = [] {
    return Result<std::string>(R"({"columns":["id"],"rows":[[3]],"cut":false})");
  };
  CHECK(body_of(ask(question + "&cursor=" + cursor))["next_cursor"].is_null());
}

TEST_CASE_FIXTURE(Exports, "a cursor does not go on in a table that was made anew since") {
  lake_answer = [] {
    return Result<std::string>(R"({"columns":["id"],"rows":[[1]],"cut":true,"cut_by":"rows"})");
  };
  const std::string cursor = body_of(ask("/rows?limit=1"))["next_cursor"];
  CHECK(ask("/rows?limit=1&cursor=" + cursor).status == 200);
  std::filesystem::remove_all(home + "/lake/gold/sales/orders");
  write_lake_version(home, "gold/sales/orders", 0, empty_lake_table());
  write_lake_version(home, "gold/sales/orders", 1, "{\"commitInfo\":{}}\n");
  CHECK(ask("/rows?limit=1&cursor=" + cursor).status == 422);
}

TEST_CASE_FIXTURE(Exports, "what is wrong with a question for rows is told at its parameter") {
  lake_answer = [] {
    return Result<std::string>(
        R"({"error":{"kind":"sql","text":"where: \"x\" is no condition","line":null,"column":null}})");
  };
  for (const char* form : {"/rows?where=x", "/export?where=x"}) {
    const auto refused = ask(form);
    CHECK(refused.status == 422);
    CHECK(body_of(refused)["detail"][0]["loc"] == json({"query", "where"}));
    CHECK(body_of(refused)["detail"][0]["msg"] == "\"x\" is no condition");
  }
  const std::size_t before = lake_queries.size();
  for (const char* bad : {"/rows?version=0&at=2026-11-20T10:00:00Z", "/export?format=xlsx",
                          "/export?version=-1", "/export?at=1999-01-01T00:00:00Z"})
    CHECK(ask(bad).status == 422);
  CHECK(lake_queries.size() == before);
}

TEST_CASE_FIXTURE(Exports,
                  "a file is made once, told by a tag, and written down for each who has it") {
  const auto whole = ask("/export?format=csv");
  CHECK(whole.status == 200);
  CHECK(whole.content_type == "text/csv; charset=utf-8; header=present");
  CHECK(header(whole, "Batuta-Version") == "0");
  CHECK(header(whole, "Batuta-Rows") == "3");
  CHECK(header(whole, "Content-Disposition") == "attachment; filename=\"orders-v0.csv\"");
  CHECK(bytes(whole) == content);
  const std::string tag = header(whole, "ETag");
  CHECK(tag.starts_with("\"v0-"));
  CHECK(header(ask("/export?format=csv"), "ETag") == tag);
  CHECK(lake_queries.size() == 1);
  CHECK(registry.audit.size() == 2);
  CHECK(registry.audit.back().event == "lake_export");
  CHECK(json::parse(registry.audit.back().extra_json)["table"] == "gold/sales/orders");
  // Nobody is given what he has, and that is nobody's export.
  CHECK(ask("/export?format=csv", {{{"if-none-match", tag}}}).status == 304);
  CHECK(registry.audit.size() == 2);
  // Another form, another choice, another version: other files.
  CHECK(header(ask("/export?format=jsonl"), "ETag") != tag);
  CHECK(header(ask("/export?format=csv&columns=id"), "ETag") != tag);
  write_lake_version(home, "gold/sales/orders", 1, "{\"commitInfo\":{}}\n");
  CHECK(header(ask("/export?format=csv"), "ETag").starts_with("\"v1-"));
  CHECK(header(ask("/export?format=csv&version=0"), "ETag") == tag);
}

TEST_CASE_FIXTURE(Exports,
                  "a download goes on where it ended, in the same bytes or from the start") {
  const std::string tag = header(ask("/export?format=csv"), "ETag");
  const auto part = ask("/export?format=csv", {{{"range", "bytes=4-6"}, {"if-range", tag}}});
  CHECK(part.status == 206);
  CHECK(header(part, "Content-Range") == "bytes 4-6/10");
  CHECK(bytes(part) == "456");
  CHECK(bytes(ask("/export?format=csv&version=0", {{{"range", "bytes=7-"}}})) == "789");
  // Of which version it goes on is not told: the whole.
  for (const Extra& unsure : {Extra{{{"range", "bytes=4-"}}},
                              Extra{{{"range", "bytes=4-"}, {"if-range", "\"v0-other\""}}}}) {
    const auto all = ask("/export?format=csv", unsure);
    CHECK(all.status == 200);
    CHECK(bytes(all) == content);
  }
  const auto beyond = ask("/export?format=csv&version=0", {{{"range", "bytes=10-"}}});
  CHECK(beyond.status == 416);
  CHECK(header(beyond, "Content-Range") == "bytes */10");
}

TEST_CASE_FIXTURE(Exports, "what stands in the place of an export's file is given to nobody") {
  const std::string secret = home + "/secret.key";
  std::ofstream(secret) << content;
  const auto gives = [this](const std::string& name, const std::function<void(std::string)>& make) {
    lake_answer = [this, name, make] {
      make(asked()["result_folder"].get<std::string>() + "/rows.csv");
      return Result<std::string>(
          json({{"rows", 3}, {"bytes", content.size()}, {"file", name}}).dump());
    };
    return ask("/export?format=csv").status;
  };
  const auto plain = [this](const std::string& path) { std::ofstream(path) << content; };
  const auto link = [&](const std::string& path) { std::filesystem::create_symlink(secret, path); };
  CHECK(gives("rows.csv", link) == 500);
  CHECK(gives("rows.csv", [&](const std::string& path) {
          std::filesystem::create_hard_link(secret, path);
        }) == 500);
  CHECK(gives("rows.csv",
              [](const std::string& path) { std::filesystem::create_directory(path); }) == 500);
  CHECK(gives("rows.csv", [](const std::string& path) { std::ofstream(path) << "other"; }) == 500);
  CHECK(gives("../../secret.key", plain) == 500);
  REQUIRE(gives("rows.csv", plain) == 200);
  // Nobody else may put another in the place of one that is kept; were it so, it is made anew.
  const std::string folder = asked()["result_folder"];
  CHECK(std::filesystem::status(folder).permissions() == std::filesystem::perms::owner_all);
  std::filesystem::remove(folder + "/rows.csv");
  std::ofstream(secret) << std::string(content.size(), 'S');
  link(folder + "/rows.csv");
  CHECK(bytes(ask("/export?format=csv")).find('S') == std::string::npos);
}

TEST_CASE_FIXTURE(Exports,
                  "exports whose time is over go by housekeeping, those left at its start") {
  std::filesystem::create_directories(home + "/exports/left-behind");
  REQUIRE(keep_house);
  keep_house(now);
  CHECK_FALSE(std::filesystem::exists(home + "/exports/left-behind"));
  REQUIRE(ask("/export?format=csv").status == 200);
  const std::string folder = asked()["result_folder"];
  keep_house(now + LakeExports::kept_for);
  CHECK(std::filesystem::exists(folder));
  keep_house(now + LakeExports::kept_for * 2);
  CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_CASE("a disk has room for exports while two of the largest fit, or a tenth is free") {
  constexpr std::uint64_t gib = 1 << 30;
  CHECK(lacks_room(2 * gib - 1, 1000 * gib));
  CHECK_FALSE(lacks_room(2 * gib, 1000 * gib));
  CHECK(lacks_room(gib / 2, 10 * gib));
  CHECK_FALSE(lacks_room(gib, 10 * gib));
}

TEST_CASE_FIXTURE(Exports, "the form is asked for by name or by Accept") {
  CHECK(ask("/export").content_type == "application/vnd.apache.parquet");
  CHECK(ask("/export", {{{"accept", "application/jsonl, text/csv"}}}).content_type ==
        "application/x-ndjson");
  CHECK(ask("/export", {{{"accept", "text/html, text/csv;q=0.5"}}})
            .content_type.starts_with("text/csv"));
  CHECK(ask("/export?format=csv", {{{"accept", "application/json"}}}).status == 200);
  const auto none = ask("/export", {{{"accept", "application/json"}}});
  CHECK(none.status == 406);
  CHECK(none.body.find("format=parquet, csv, jsonl or hive") != std::string::npos);
}

TEST_CASE_FIXTURE(Exports, "folders by partition come as one archive") {
  lake_answer = [this] {
    std::ofstream(asked()["result_folder"].get<std::string>() + "/rows.tar") << "0123";
    return Result<std::string>(
        R"({"rows":1,"bytes":4,"file":"rows.tar","tables":[{"table":"gold/sales/orders",)"
        R"("version":0,"masked":["id","a b"]}]})");
  };
  const Response hive = ask("/export?format=hive&partition_by=id");
  CHECK(hive.status == 200);
  CHECK(hive.content_type == "application/x-tar");
  CHECK(asked()["format"] == "parquet");
  CHECK(asked()["tar"] == true);
  CHECK(asked()["by_partitions"] == true);
  CHECK(asked()["partition_by"] == json({"id"}));
  using Header = std::pair<std::string, std::string>;
  const auto has = [&hive](const Header& header) {
    return std::count(hive.headers.begin(), hive.headers.end(), header) == 1;
  };
  // What an archive has no place for.
  CHECK(has({"Batuta-Masked", "gold/sales/orders:id, gold/sales/orders:a%20b"}));
  CHECK(has({"Content-Disposition", "attachment; filename=\"orders-v0.tar\""}));
  CHECK(ask("/export?format=csv&partition_by=id").status == 422);
}

TEST_CASE("ranges of bytes are read as RFC 9110 has them") {
  const auto part = [](const char* text) {
    const RangeAnswer read = read_range(text, 10);
    return read.range
               ? std::pair(read.range->from, read.range->size)
               : std::pair(std::int64_t{-1}, std::int64_t{read.fault == RangeFault::ignored});
  };
  using Part = std::pair<std::int64_t, std::int64_t>;
  CHECK(part("bytes=0-") == Part(0, 10));
  CHECK(part("bytes=2-99") == Part(2, 8));
  CHECK(part("bytes=-3") == Part(7, 3));
  CHECK(part("bytes=-99") == Part(0, 10));
  for (const char* ignored : {"bytes=", "bytes=-", "bytes=5-2", "bytes=1-2,4-5", "lines=1-2",
                              "bytes=a-b", "bytes=1-99999999999999999999"})
    CHECK(part(ignored) == Part(-1, 1));
  for (const char* beyond : {"bytes=10-", "bytes=-0"}) CHECK(part(beyond) == Part(-1, 0));
}

TEST_CASE("files go when nobody asked for them for a while, but not from under who reads them") {
  const std::string folder =
      (std::filesystem::temp_directory_path() / ("batuta-exports-" + std::to_string(::getpid())))
          .string();
  std::filesystem::create_directories(folder + "/left-behind");
  {
    LakeExports exports(folder);
    auto made = exports.begin();
    REQUIRE(made);
    CHECK_FALSE(std::filesystem::exists(folder + "/left-behind"));
    const std::string path = (*made)->path() + "/rows.csv";
    std::ofstream(path) << "abc";
    exports.keep("a", {*made, path, 3, 1}, Time());
    made = {Errc::internal, "let go"};
    CHECK(exports.find("a", Time() + LakeExports::kept_for));
    auto read = export_stream(*exports.find("a", Time() + LakeExports::kept_for), {0, 3});
    CHECK_FALSE(exports.find("a", Time() + LakeExports::kept_for * 3));
    CHECK(read->next() == "abc");
    CHECK(std::filesystem::exists(path));
    read.reset();
    CHECK_FALSE(std::filesystem::exists(path));
    // More than there is room for: the one that was not asked for longest goes.
    for (const char* key : {"b", "c"}) {
      const auto large = *exports.begin();
      std::ofstream(large->path() + "/x").close();
      std::filesystem::resize_file(large->path() + "/x", LakeExports::most_bytes / 2 + 1);
      exports.keep(key, {large, large->path() + "/x", LakeExports::most_bytes / 2 + 1, 1},
                   Time() + std::chrono::seconds(key[0]));
    }
    CHECK_FALSE(exports.find("b", Time() + std::chrono::minutes(2)));
    CHECK(exports.find("c", Time() + std::chrono::minutes(2)));
    // What is let go of and still read takes room: no other is made until it has ended.
    auto slow = exports.find("c", Time() + std::chrono::minutes(2));
    exports.sweep(Time() + LakeExports::kept_for * 3);
    {
      const auto large = *exports.begin();
      std::ofstream(large->path() + "/x").close();
      std::filesystem::resize_file(large->path() + "/x", LakeExports::most_bytes / 2 + 1);
      exports.keep("d", {large, large->path() + "/x", LakeExports::most_bytes / 2 + 1, 1}, Time());
      CHECK_FALSE(exports.begin());
    }
    slow.reset();
    CHECK(exports.begin());
  }
  CHECK_FALSE(std::filesystem::exists(folder));
}

}  // namespace batuta::http
