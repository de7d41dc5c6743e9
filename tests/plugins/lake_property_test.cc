// Random lives of a table, beside a model in memory that is nothing but rows: appends, merges,
// deletes, new columns, rewrites, vacuums, checkpoints, cleaned-up logs, restores. After each step
// the newest version, and one older one that must still be whole, hold exactly the model's rows.
#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "lakelog/log_cleanup.h"
#include "lakelog/restore.h"
#include "lakelog/vacuum.h"
#include "plugins/lake/checkpoint_reader.h"
#include "plugins/lake/checkpoint_writer.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/optimize.h"
#include "plugins/lake/staged_write.h"
#include "plugins/sdk/plugin.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::lake;
using nlohmann::json;

namespace {

const std::string lived = "silver/demo/lived";
constexpr int days = 3;

struct ModelRow {
  std::int64_t value = 0;
  int day = 0;
  std::vector<std::string> more;  // of columns that came later; "-" is NULL
};

struct Model {
  std::map<std::int64_t, ModelRow> rows;
  std::size_t more = 0;  // columns that came later
};

std::string day_text(int day) {
  return "2026-11-2" + std::to_string(day);
}

class Life {
 public:
  explicit Life(std::uint32_t seed)
      : random_(seed),
        session_(engine_in(lake_.path())),
        reader_(session_, lake_.path()),
        writer_(session_, lake_.path()) {}

  void step() {
    const int dice = static_cast<int>(random_() % 100);
    if (newest_ < 0 || dice < 35) return append();
    if (dice < 50) return change(false);
    if (dice < 60) return change(true);
    if (dice < 65) return evolve();
    if (dice < 80) return rewrite();
    if (dice < 87) return sweep();
    if (dice < 93) return clean();
    put_back();
  }

  void check() {
    check_version(newest_);
    if (oldest_ < newest_)
      check_version(oldest_ + static_cast<std::int64_t>(
                                  random_() % static_cast<std::uint64_t>(newest_ - oldest_)));
  }

 private:
  void tell(const std::string& what) { told_ += (told_.empty() ? "" : ", ") + what; }
  lakelog::LogFolder log() { return {*lake_.storage(), lived}; }
  DeltaTable open(std::int64_t version = lakelog::latest_version) {
    return DeltaTable::open(session_, lake_.path(), lived, version);
  }

  std::vector<lakelog::Column> columns() const {
    std::vector<lakelog::Column> out = {{"n", "long", true}, {"v", "long", true}};
    out.push_back({"day", "date", true});
    for (std::size_t i = 0; i < model_.more; ++i)
      out.push_back({"more" + std::to_string(i), "string", true});
    return out;
  }

  std::vector<lakelog::AddFile> write(const std::vector<std::int64_t>& keys) {
    std::string values;
    for (const std::int64_t key : keys) {
      const ModelRow& row = model_.rows.at(key);
      values += (values.empty() ? "(" : ", (") + std::to_string(key) + "::BIGINT, " +
                std::to_string(row.value) + "::BIGINT, DATE '" + day_text(row.day) + "'";
      for (std::size_t i = 0; i < model_.more; ++i)
        values += i < row.more.size() && row.more[i] != "-" ? ", '" + row.more[i] + "'"
                                                            : ", NULL::VARCHAR";
      values += ")";
    }
    std::string names;
    for (const auto& column : columns()) names += (names.empty() ? "" : ", ") + column.name;
    return write_files(session_, {lake_.storage(),
                                  lived,
                                  columns(),
                                  {"day"},
                                  "SELECT * FROM (VALUES " + values + ") t(" + names + ")",
                                  {},
                                  {}});
  }

  // A version of ours: these files in, those out.
  void publish(const std::vector<lakelog::AddFile>& adds,
               const std::vector<lakelog::AddFile>& removes) {
    lakelog::Payload payload;
    payload.table = lived;
    payload.append = removes.empty();
    payload.operation = removes.empty() ? lakelog::Operation::append : lakelog::Operation::merge;
    payload.read_version = newest_;
    if (newest_ >= 0) {
      const auto table = open();
      payload.base = lakelog::Base{table.snapshot().protocol, table.snapshot().metadata};
    }
    payload.schema = columns();
    payload.evolve = true;
    payload.partition_columns = {"day"};
    payload.adds = adds;
    for (const auto& file : removes)
      payload.removes.push_back({file.path, 0, true, file.partition_values, file.size});
    const auto done = lakelog::publish(
        lakelog::publication(lake_, json::parse(lakelog::serialise_payload(payload)), ++number_));
    if (!done.ok()) FAIL(told_ << ": " << done.error().message);
    is_now(done->version);
  }

  void is_now(std::int64_t version) {
    newest_ = version;
    then_[version] = model_;
  }

  void append() {
    tell("append");
    std::vector<std::int64_t> keys;
    for (std::uint64_t left = 1 + random_() % 5; left > 0; --left) {
      ModelRow row{
          static_cast<std::int64_t>(random_() % 100), static_cast<int>(random_() % days), {}};
      for (std::size_t i = 0; i < model_.more; ++i)
        row.more.push_back(random_() % 3 == 0 ? "-" : std::to_string(random_() % 10));
      keys.push_back(next_key_);
      model_.rows[next_key_++] = std::move(row);
    }
    publish(write(keys), {});
  }

  // A day's rows anew: some with another value, or gone.
  void change(bool deletes) {
    tell(deletes ? "delete" : "merge");
    const int day = static_cast<int>(random_() % days);
    std::vector<std::int64_t> keys;
    std::vector<std::int64_t> all;
    for (const auto& [key, row] : model_.rows)
      if (row.day == day) all.push_back(key);
    if (all.empty()) return;
    for (const std::int64_t key : all) {
      if (deletes && random_() % 3 == 0) {
        model_.rows.erase(key);
        continue;
      }
      if (!deletes && random_() % 2 == 0) model_.rows[key].value += 1000;
      keys.push_back(key);
    }
    const auto table = open();
    const auto old = table.files([&](const lakelog::AddFile& file) {
      return file.partition_values.at("day") == day_text(day);
    });
    publish(keys.empty() ? std::vector<lakelog::AddFile>{} : write(keys), old);
  }

  void evolve() {
    if (model_.more == 4) return;
    tell("evolve");
    ++model_.more;
    append();
  }

  void rewrite() {
    const bool sorts = random_() % 3 == 0;
    tell(sorts ? "cluster" : "optimize");
    OptimizeOptions options;
    options.rewrite.target_bytes = random_() % 2 == 0 ? 1 << 20 : 2000;
    if (sorts) options.rewrite.cluster_by = {"v", "n"};
    if (random_() % 2 == 0) options.max_version_bytes = 1;
    const auto done = optimize(session_, lake_.path(), lived, options);
    for (std::int64_t version = newest_ + 1; version <= done.version; ++version) is_now(version);
  }

  void sweep() {
    tell("vacuum");
    lakelog::VacuumOptions options;
    options.now_ms = now_ms();
    options.retain_ms = 0;
    options.force = true;
    options.checkpoints = &reader_;
    const auto done = lakelog::vacuum(*lake_.storage(), lived, options);
    if (!done.ok()) FAIL(told_ << ": " << done.error().message);
    CHECK(done->foreign_files == 0);
    if (done->version < 0) return;
    oldest_ = std::max(oldest_, done->oldest_version);
    for (std::int64_t version = newest_ + 1; version <= done->version; ++version) is_now(version);
  }

  void clean() {
    tell("clean");
    lakelog::CleanupOptions options;
    options.now_ms = now_ms();
    options.log_retain_ms = 0;
    options.reader = &reader_;
    options.writer = &writer_;
    const auto done = lakelog::clean_log(log(), options);
    if (!done.ok()) FAIL(told_ << ": " << done.error().message);
    oldest_ = std::max(oldest_, done->first_version);
  }

  void put_back() {
    const auto version =
        oldest_ +
        static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(newest_ - oldest_ + 1));
    tell("restore " + std::to_string(version));
    const auto done =
        lakelog::restore(*lake_.storage(), lived, {version, now_ms(), false, &reader_, {}});
    if (!done.ok()) FAIL(told_ << ": " << done.error().message);
    model_ = then_.at(version);
    if (done->changed) is_now(done->version);
  }

  static std::int64_t now_ms() {
    // Later than every file that is there, whatever the clock's grain.
    return read_clock().wall.time_since_epoch() / std::chrono::milliseconds(1) + 1000;
  }

  void check_version(std::int64_t version) {
    const Model& expected = then_.at(version);
    std::vector<std::string> lines;
    for (const auto& [key, row] : expected.rows) {
      std::string line =
          std::to_string(key) + "/" + std::to_string(row.value) + "/" + day_text(row.day);
      for (std::size_t i = 0; i < expected.more; ++i)
        line += "/" + (i < row.more.size() ? row.more[i] : std::string("-"));
      lines.push_back(std::move(line));
    }
    create_view(session_, "lived", open(version));
    std::string select = "n || '/' || v || '/' || day";
    for (std::size_t i = 0; i < expected.more; ++i)
      select += " || '/' || coalesce(more" + std::to_string(i) + ", '-')";
    const auto found = first_column(session_.query("SELECT " + select + " FROM lived ORDER BY n"));
    INFO("version " << version << " after: " << told_);
    REQUIRE(found == lines);
  }

  std::mt19937 random_;
  lakelog::TempLake lake_;
  Session session_;
  EngineCheckpoints reader_;
  EngineCheckpointWriter writer_;
  Model model_;
  std::map<std::int64_t, Model> then_;
  std::int64_t newest_ = -1;
  std::int64_t oldest_ = 0;  // the oldest version that must still be whole
  std::int64_t next_key_ = 0;
  std::int64_t number_ = 0;
  std::string told_;
};

}  // namespace

TEST_CASE("whatever happens to a table, every version kept holds the rows of the model") {
  const std::uint32_t fresh = std::random_device{}();
  for (const std::uint32_t seed : {1u, 2u, 3u, fresh}) {
    CAPTURE(seed);
    Life life(seed);
    for (int step = 0; step < 40; ++step) {
      life.step();
      life.check();
    }
  }
}
