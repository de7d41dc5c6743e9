// Which files are held together, and what the version that does so conflicts with.
#include "lakelog/rewrite.h"

#include <doctest/doctest.h>

#include "tests/lakelog/kept_table.h"

using namespace batuta;
using namespace batuta::lakelog;

namespace {

// What an engine would do with a group: one file for each output.
Rewritten written_group(KeptTable& table, const RewriteGroup& group, const std::string& name) {
  Rewritten out{group, {}};
  AddFile add = group.files.front();
  add.path = kept_path(name);
  add.size = group.bytes;
  table.stage(add.path, static_cast<std::size_t>(group.bytes));
  out.added.push_back(add);
  return out;
}

Change rewrite_all(KeptTable& table, const std::string& name,
                   const RewriteOptions& options = {1000}) {
  const Snapshot snapshot = table.at();
  std::vector<Rewritten> written;
  int number = 0;
  for (const RewriteGroup& group : plan_rewrite(snapshot, options))
    written.push_back(written_group(table, group, name + std::to_string(number++)));
  return rewrite_change(snapshot.version, written, options);
}

std::string sizes(const std::vector<RewriteGroup>& plan) {
  std::string out;
  for (const RewriteGroup& group : plan)
    out += (out.empty() ? "" : " ") + std::to_string(group.files.size()) + ":" +
           std::to_string(group.bytes) + ">" + std::to_string(group.outputs);
  return out;
}

}  // namespace

TEST_CASE("small files of a partition are packed to the target, and large ones left alone") {
  KeptTable table;
  table.publish_files({"a", "b", "c"}, {}, 300);
  table.publish_files({"large"}, {}, 500);
  table.publish_files({"2026-11-21/d", "2026-11-21/e"}, {}, 450);
  table.publish_files({"2026-11-22/alone"}, {}, 10);
  CHECK(sizes(plan_rewrite(table.at(), {1000})) == "3:900>1 2:900>1");
  CHECK(sizes(plan_rewrite(table.at(), {700})) == "2:600>1");
  CHECK(plan_rewrite(table.at(), {200}).empty());
}

TEST_CASE("no two groups of a plan could be one, and what was rewritten is not rewritten again") {
  KeptTable table;
  for (int i = 0; i < 40; ++i)
    table.publish_files({"f" + std::to_string(i)}, {}, 100 + 37 * static_cast<std::size_t>(i % 9));
  const RewriteOptions options{1000};
  const auto plan = plan_rewrite(table.at(), options);
  REQUIRE(plan.size() > 2);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    CHECK(plan[i].bytes <= 1000);
    for (std::size_t j = 0; j < i; ++j) CHECK(plan[i].bytes + plan[j].bytes > 1000);
  }
  const auto put = put_change(table.log(), rewrite_all(table, "big", options), table.now_ms);
  REQUIRE(put.ok());
  CHECK(plan_rewrite(table.at(), options).empty());
}

TEST_CASE("a rewrite is one version with dataChange=false that keeps partition and operation") {
  KeptTable table;
  table.publish_files({"a"});
  table.publish_files({"b"});
  const auto put = put_change(table.log(), rewrite_all(table, "ab"), table.now_ms);
  REQUIRE(put.ok());
  CHECK(*put == 2);
  CHECK(table.live() == "ab0");
  const auto text = table.log().read(2);
  REQUIRE(text.ok());
  const auto commit = parse_commit(*text);
  REQUIRE(commit.ok());
  CHECK(operation_of(*commit) == "OPTIMIZE");
  REQUIRE(commit->removes.size() == 2);
  for (const RemoveFile& remove : commit->removes) {
    CHECK_FALSE(remove.data_change);
    CHECK(remove.deletion_ms == table.now_ms);
  }
  REQUIRE(commit->adds.size() == 1);
  CHECK_FALSE(commit->adds[0].data_change);
  CHECK(commit->adds[0].partition_values == PartitionValues{{"day", "2026-11-20"}});
}

TEST_CASE("an append beside a rewrite passes, before it and after it") {
  KeptTable table;
  table.publish_files({"a"});
  table.publish_files({"b"});
  const Change rewrite = rewrite_all(table, "ab");
  table.publish_files({"c"});
  const auto put = put_change(table.log(), rewrite, table.now_ms);
  if (!put.ok()) FAIL(put.error().message);
  CHECK(*put == 3);
  const auto late = table.try_publish({"d"}, {}, 1);
  REQUIRE(late.ok());
  CHECK(table.live() == "ab0 c d");
}

TEST_CASE("a rewrite gives way to a merge that removed one of its files, and a merge to it") {
  KeptTable table;
  table.publish_files({"a"});
  table.publish_files({"b"});
  const Change rewrite = rewrite_all(table, "ab");
  SUBCASE("the merge was first") {
    table.publish_files({"c"}, {"a"});
    const auto put = put_change(table.log(), rewrite, table.now_ms);
    REQUIRE(!put.ok());
    CHECK(put.error().code == Errc::conflict);
    CHECK(put.error().message.find(kept_path("a")) != std::string::npos);
    CHECK(table.live() == "b c");
  }
  SUBCASE("the rewrite was first") {
    REQUIRE(put_change(table.log(), rewrite, table.now_ms).ok());
    const auto late = table.try_publish({"c"}, {"a"}, 1);
    REQUIRE(!late.ok());
    CHECK(late.error().code == Errc::conflict);
    CHECK(table.live() == "ab0");
  }
}

TEST_CASE("clustering takes in what is not sorted so, and only then") {
  KeptTable table;
  table.publish_files({"a", "b"}, {}, 900);
  RewriteOptions options{1000, {"n"}};
  const auto plan = plan_rewrite(table.at(), options);
  CHECK(sizes(plan) == "2:1800>2");
  REQUIRE(check_cluster_columns(table.at().metadata, options.cluster_by).ok());
  Rewritten written{plan[0], {}};
  for (const char* name : {"x", "y"}) {
    AddFile add = plan[0].files.front();
    add.path = kept_path(name);
    add.extra_json = cluster_tag(options.cluster_by);
    table.stage(add.path, 900);
    written.added.push_back(add);
  }
  REQUIRE(
      put_change(table.log(), rewrite_change(table.at().version, {written}, options), table.now_ms)
          .ok());
  CHECK(plan_rewrite(table.at(), options).empty());
  options.cluster_by = {"n", "m"};
  CHECK(sizes(plan_rewrite(table.at(), options)) == "2:1800>2");
  options.cluster_by = {"n"};
  table.publish_files({"new"}, {}, 900);
  CHECK(sizes(plan_rewrite(table.at(), options)) == "1:900>1");
}

TEST_CASE("columns to cluster by are looked at") {
  KeptTable table;
  table.publish_files({"a"});
  const Metadata metadata = table.at().metadata;
  const auto refused = [&](const std::string& column) {
    const auto checked = check_cluster_columns(metadata, {column});
    return checked.ok() ? std::string() : checked.error().message;
  };
  CHECK(refused("n").empty());
  CHECK(refused("day").find("partitions the table") != std::string::npos);
  CHECK(refused("price") == "there is no column price to cluster by; there are n, day");
}
