#include "scheduler/commands/clone_command.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <vector>

#include "common/ids.h"
#include "scheduler/commands/process_parts.h"
#include "scheduler/serve/home.h"
#include "scheduler/store/backend.h"
#include "stores/lake.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

// The log last, and only the entries that were there before the files: what is published meanwhile
// is not half there.
void copy_table(const fs::path& from, const fs::path& to) {
  const fs::path log = from / "_delta_log";
  if (!fs::is_directory(log)) {
    throw std::runtime_error("there is no table in " + from.string() +
                             "; `batuta lake tables` lists what there is");
  }
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(log)) {
    if (entry.is_regular_file()) entries.push_back(entry.path().filename());
  }
  for (auto it = fs::recursive_directory_iterator(from); it != fs::recursive_directory_iterator();
       ++it) {
    if (it->path().filename() == "_delta_log") {
      it.disable_recursion_pending();
    } else if (it->is_regular_file()) {
      const fs::path target = to / fs::relative(it->path(), from);
      fs::create_directories(target.parent_path());
      fs::copy_file(it->path(), target);
    }
  }
  fs::create_directories(to / "_delta_log");
  for (const fs::path& name : entries) {
    std::error_code gone;  // a summary that replaced older entries may take them away meanwhile
    fs::copy_file(log / name, to / "_delta_log" / name, gone);
    if (gone && fs::exists(log / name)) {
      throw std::runtime_error("cannot copy " + (log / name).string() + ": " + gone.message());
    }
  }
}

void make_folder(const fs::path& to) {
  if (fs::exists(to) && (!fs::is_directory(to) || !fs::is_empty(to))) {
    throw std::runtime_error(to.string() + " is there and not empty; name a new folder with --to");
  }
  fs::create_directories(to.parent_path());
  if (::mkdir(to.c_str(), 0700) != 0 && errno != EEXIST) {
    throw std::runtime_error("cannot make " + to.string() + ": " + std::strerror(errno));
  }
  fs::permissions(to, fs::perms::owner_all);
}

// A copy below what is copied would hold itself.
void expect_apart(const fs::path& to, const std::string& from) {
  std::string inside = absolute_path(from);
  if (!inside.ends_with('/')) inside += '/';
  if (!(to.string() + "/").starts_with(inside)) return;
  throw std::runtime_error(to.string() + " lies in " + absolute_path(from) +
                           ", which is copied; name a folder elsewhere with --to");
}

// "layer/domain/table", as `lake tables` lists them: no path out of the lake.
void expect_table_name(const std::string& table) {
  for (const auto& part : fs::path(table)) {
    if (!valid_id(part.string())) {
      throw std::runtime_error("\"" + table + "\" is no table; `batuta lake tables` lists them");
    }
  }
}

void clone_into(const cli::CloneOptions& clone, const fs::path& to) {
  auto home = Home::open(clone.home);
  if (!home) throw std::runtime_error(home.error().message);
  const std::set<std::string> tables(clone.tables.begin(), clone.tables.end());
  for (const std::string& table : tables) expect_table_name(table);
  const std::string& lake = home->settings().lake_url;
  if (!tables.empty() && !lake.empty() && stores::folder_of(lake).empty())
    throw std::runtime_error("the tables lie in " + lake +
                             " (lake.url), and a clone copies tables of a folder alone: leave out "
                             "--table");
  for (const std::string& from : {home->folder(), clone.dags}) expect_apart(to, from);
  make_folder(to);
  const ClonedStore store =
      clone_backend(home->store_url(), home->path("secret.key"), (to / "batuta.db").string(),
                    (to / "secret.key").string(), read_clock().wall);
  if (fs::is_directory(clone.dags)) {
    fs::copy(clone.dags, to / "dags", fs::copy_options::recursive);
  } else if (clone.dags_named) {
    throw std::runtime_error("there is no DAG folder " + absolute_path(clone.dags));
  }
  for (const std::string& table : tables) {
    copy_table(home->path("lake/" + table), to / "lake" / table);
  }
  std::printf("%s is a copy of %s; every DAG in it is paused\n", to.c_str(),
              home->folder().c_str());
  if (store.live_runs_left_out > 0) {
    const bool one = store.live_runs_left_out == 1;
    std::printf("left out: %lld %s not ended\n", static_cast<long long>(store.live_runs_left_out),
                one ? "run that has" : "runs that have");
  }
  for (const std::string& name : store.without_value) {
    std::printf("left out: the secret of %s\n", name.c_str());
  }
  std::printf("left out: users and tokens; the first start makes an admin\n");
  if (!fs::exists(to / "dags")) std::printf("left out: DAG files; --dags DIR takes them along\n");
  std::printf("start it: batuta standalone --home %s --dags %s\n", to.c_str(),
              (to / "dags").c_str());
}

}  // namespace

int run_clone(const cli::CloneOptions& clone) {
  if (!fs::exists(clone.home + "/batuta.db")) return fail(no_installation(clone.home));
  const fs::path to = absolute_path(clone.to);
  const bool was_there = fs::exists(to);
  const bool was_empty = !was_there || (fs::is_directory(to) && fs::is_empty(to));
  try {
    clone_into(clone, to);
    return 0;
  } catch (const std::exception& error) {
    std::error_code ignored;
    if (was_empty) {  // else it is somebody's
      for (const auto& entry : fs::directory_iterator(to, ignored)) {
        fs::remove_all(entry.path(), ignored);
      }
    }
    if (!was_there) fs::remove(to, ignored);
    return fail({Errc::unavailable, error.what(), {}});
  }
}

}  // namespace batuta
