// lake_promotion: what was made on a branch of the lake becomes the lake's, all of its tables as
// the publications of one attempt: they are accepted in one commit, none of them where one would be
// refused, and published one after another, whatever dies. Only the server orders it
// (run_conf.h), once it has asked for the rights.
//
// The return value is {"branch","tables":[{"table","from_version","version","added_files",
// "removed_files"}…]}.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/promotion.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/checkpoint_reader.h"
#include "plugins/lake/hand_in.h"
#include "plugins/lake/must.h"
#include "plugins/sdk/plugin.h"
#include "stores/file_cache.h"

namespace batuta::lake {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct PromotionOrder {
  lakelog::Branch branch;
  std::map<std::string, std::int64_t> tables;  // the versions of the branch that were looked at
};

[[noreturn]] void no_promotion_order(const std::string& why) {
  throw plugin::FinalError(why +
                           ": branches are promoted by `batuta lake branch promote` and POST "
                           "/api/lake/branches/{branch}/promote");
}

PromotionOrder promotion_order(const plugin::Context& context) {
  JsonLimits own;
  own.bytes = own.string_bytes = std::size_t{8} << 20;
  own.tokens = 2'000'000;
  const auto told = parse_untrusted(context.context_json(), own);
  if (!told) no_promotion_order("the run's order cannot be read: " + told.error().message);
  const auto order = told->is_object() ? told->find("promotion") : told->end();
  if (order == told->end() || !order->is_object()) no_promotion_order("this run has no order");
  PromotionOrder out;
  const std::string ref = order->value("branch", "");
  out.branch.name = lakelog::branch_name_of(ref);
  out.branch.id = ref.substr(std::min(ref.size(), out.branch.name.size() + 1));
  const auto tables = order->find("tables");
  if (tables != order->end() && tables->is_object())
    for (const auto& [table, version] : tables->items())
      out.tables[table] = json_int(version).value_or(-1);
  if (!lakelog::valid_branch_name(out.branch.name) || out.tables.empty())
    no_promotion_order("the run's order names no branch with tables");
  return out;
}

// The value, or how the attempt ends: again where it may pass.
template <class T>
T promoted(Result<T> result) {
  if (result) return *std::move(result);
  if (result.error().code == Errc::unavailable)
    throw plugin::RetryableError(result.error().message);
  throw plugin::FinalError(result.error().message);
}

std::int64_t promotion_now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(read_clock().wall.time_since_epoch()).count();
}

// Another name of the same bytes, or a copy where the file system has none. The time is a new one:
// a vacuum leaves alone what nobody has published for a while only.
Status bring_file(const std::string& from, const std::string& to) {
  std::error_code error, ignored;
  fs::create_directories(fs::path(to).parent_path(), ignored);
  fs::create_hard_link(from, to, error);
  const bool linked = !error || fs::equivalent(from, to, ignored);
  if (linked && ::utimensat(AT_FDCWD, to.c_str(), nullptr, 0) == 0) return success();
  // Another user's file gets a time of its own as another file alone. Beside it first: a try that
  // was left behind writes into no file that another has published. What stays of one that was
  // killed goes with a vacuum.
  const std::string beside = to + "." + std::to_string(::getpid()) + ".coming";
  error.clear();
  fs::copy_file(from, beside, fs::copy_options::overwrite_existing, error);
  if (!error) fs::rename(beside, to, error);
  if (error) fs::remove(beside, ignored);
  if (error) return {Errc::unavailable, "cannot put " + to + " into the lake: " + error.message()};
  return success();
}

// Of a store: the bytes come to this host and are put under their other name, one file after
// another, so that none but the last takes room here.
Status copy_object(lakelog::Storage& storage, const std::string& from, const std::string& to,
                   std::int64_t size) {
  const auto slash = to.find_last_of('/');
  const auto folder = storage.stage(to.substr(0, slash));
  if (!folder) return folder.error();
  const std::string staged = *folder + to.substr(slash);
  std::ofstream out(staged, std::ios::binary | std::ios::trunc);
  std::uint64_t at = 0;
  for (const auto wanted = static_cast<std::uint64_t>(size); at < wanted;) {
    const auto piece = storage.read(from, {at, std::min(stores::cache_piece_bytes, wanted - at)});
    if (!piece) return piece.error();
    if (piece->empty()) break;
    out.write(piece->data(), static_cast<std::streamsize>(piece->size()));
    at += piece->size();
  }
  out.close();
  if (!out) return {Errc::unavailable, "cannot write " + staged + " on this host"};
  if (at != static_cast<std::uint64_t>(size))
    return {Errc::malformed, from + " has " + std::to_string(at) + " bytes in the store; the log " +
                                 "of the branch says " + std::to_string(size)};
  return storage.sync({to});
}

// The markers of layer/transform.h: how far silver and its quarantine have taken in bronze, and a
// history its table.
std::string marked_table(const std::string& table, const std::string& marker) {
  const auto slash = table.find('/');
  if (slash == std::string::npos) return {};
  if (marker.ends_with("_silver/bronze") || marker.ends_with("_silver/bronze/none_good"))
    return "bronze" + table.substr(slash);
  constexpr std::string_view history = "_hist";
  if (marker == "history/table" && table.ends_with(history))
    return table.substr(0, table.size() - history.size());
  return {};
}

class Promotion {
 public:
  explicit Promotion(plugin::Context& context)
      : context_(context),
        order_(promotion_order(context)),
        session_(session_options(context)),
        lake_(lake_folder(context)),
        branch_lake_(lake_.on_branch(order_.branch.ref())),
        storage_(must(lake_.storage())),
        of_lake_(session_, lake_),
        of_branch_(session_, branch_lake_) {}

  void run() {
    const auto& ref = order_.branch.ref();
    if (auto there = lakelog::check_branch(*storage_, ref); !there)
      promoted(Result<int>(there.error()));
    auto branch = promoted(lakelog::find_branch(*storage_, order_.branch.name));  // when it began
    branch.id = order_.branch.id;
    const auto tables = promoted(lakelog::look_at_promotion(storage_, branch));
    check_as_looked_at(tables);
    if (auto may = lakelog::check_promotion(order_.branch, tables); !may)
      throw plugin::FinalError(may.error().message);
    json told = json::array();
    for (std::size_t i = 0; i < tables.size(); ++i) {
      if (tables[i].is_done()) continue;
      context_.check_cancelled();
      told.push_back(hand_in_table(tables, i));
    }
    if (told.empty()) context_.note("the lake has all of the branch already");
    context_.return_json(json_text({{"branch", order_.branch.name}, {"tables", told}}));
  }

 private:
  // What nobody has looked at, and may not be allowed, does not go. Of a table that the lake has
  // all of nothing was asked, and nothing goes.
  void check_as_looked_at(const std::vector<lakelog::PromotedTable>& tables) const {
    for (const lakelog::PromotedTable& table : tables) {
      if (table.is_done()) continue;
      const auto asked = order_.tables.find(table.table);
      if (asked != order_.tables.end() && asked->second == table.version) continue;
      throw plugin::FinalError("the branch " + order_.branch.name + " has gone on since: " +
                               table.table + " is at version " + std::to_string(table.version) +
                               " there; look at it and promote it again");
    }
  }

  json hand_in_table(const std::vector<lakelog::PromotedTable>& tables, std::size_t which) {
    const lakelog::PromotedTable& table = tables[which];
    auto payload = promoted(lakelog::promotion_payload(storage_, order_.branch, tables, which,
                                                       {&of_lake_, &of_branch_, marked_table}));
    std::map<std::string, std::int64_t> sizes;
    for (const lakelog::AddFile& add : payload.adds) sizes[table.table + "/" + add.path] = add.size;
    const std::string folder = lake_.folder() + "/";
    const auto bring = [&](const std::string& from, const std::string& to) {
      context_.check_cancelled();
      if (lake_.is_folder()) return bring_file(folder + from, folder + to);
      return copy_object(*storage_, from, to, sizes[to]);
    };
    if (auto brought =
            lakelog::bring_files(*storage_, order_.branch, payload, promotion_now_ms(), bring);
        !brought)
      throw plugin::RetryableError(table.table + ": " + brought.error().message);
    hand_in(context_, payload);
    context_.info(table.table + ": version " + std::to_string(table.version) + " of the branch, " +
                  std::to_string(payload.adds.size()) + " files come, " +
                  std::to_string(payload.removes.size()) + " leave");
    return {{"table", table.table},
            {"from_version", table.lake_version < 0 ? json() : json(table.lake_version)},
            {"version", table.version},
            {"added_files", payload.adds.size()},
            {"removed_files", payload.removes.size()}};
  }

  plugin::Context& context_;
  const PromotionOrder order_;
  Session session_;
  const Lake lake_, branch_lake_;
  const std::shared_ptr<lakelog::Storage> storage_;
  EngineCheckpoints of_lake_, of_branch_;
};

}  // namespace

struct LakePromotion {
  static constexpr auto name = "lake_promotion";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "transform";
  static constexpr auto summary = "Makes what a branch of the lake has the lake's, as one";

  void execute(plugin::Context& context) { Promotion(context).run(); }
};

}  // namespace batuta::lake

BATUTA_PLUGIN(batuta::lake::LakePromotion)
