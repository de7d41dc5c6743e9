#include "scheduler/commands/clone_command.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "scheduler/commands/process_parts.h"
#include "scheduler/dagfile/bundle.h"
#include "scheduler/dagfile/folder.h"
#include "scheduler/serve/bundle_keeper.h"
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

// Where the files lie that DAGs are made of, and where they go.
struct SourceFolder {
  fs::path from, to;
};

// Of one bundle: what of its folders is there.
void add_bundle(const BundleFolder& bundle, const fs::path& to, std::vector<SourceFolder>& out) {
  const std::vector<std::pair<std::string, std::string>> folders = {
      {"dags", bundle.dags},
      {"contracts", bundle.contracts},
      {"models", folder_beside(bundle.dags, "models")},
      {"monitors", folder_beside(bundle.dags, "monitors")},
      {"calendars", folder_beside(bundle.dags, "calendars")}};
  for (const auto& [name, from] : folders)
    if (fs::is_directory(from)) out.push_back({from, to / name});
}

struct Sources {
  std::vector<SourceFolder> folders;
  std::vector<std::string> bundles, left_out;  // names of those beside the DAG folder
};

// The DAG folder with what lies beside it, and the other bundles as they are live: in the copy each
// is a folder of its own, so that it needs neither repository nor store.
Sources sources_of(const Home& home, const std::string& dags, const fs::path& to) {
  Sources out;
  if (fs::is_directory(dags)) {
    const std::string contracts = home.settings().contracts;
    const std::string folder = absolute_path(dags);
    add_bundle({std::string(default_bundle),
                folder,
                contracts.empty() ? folder_beside(folder, "contracts") : contracts,
                {}},
               to, out.folders);
  }
  std::vector<BundleFolder> bundles =
      BundleKeeper(home.path("revisions"), home.settings().bundles, {}).folders();
  std::set<std::string> named;
  for (const BundleFolder& bundle : bundles) named.insert(bundle.name);
  std::set<std::string> dropped_in;
  for (const auto& entry : fs::directory_iterator(home.path("bundles"))) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && check_bundle_name(name).ok() && !named.contains(name))
      dropped_in.insert(name);
  }
  for (const std::string& name : dropped_in)
    bundles.push_back(bundle_in(name, home.path("bundles/" + name)));
  for (const BundleFolder& bundle : bundles) {
    const std::size_t before = out.folders.size();
    add_bundle(bundle, to / "bundles" / bundle.name, out.folders);
    (out.folders.size() > before ? out.bundles : out.left_out).push_back(bundle.name);
  }
  return out;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
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
  const bool has_dags = fs::is_directory(clone.dags);
  if (!has_dags && clone.dags_named)
    throw std::runtime_error("there is no DAG folder " + absolute_path(clone.dags));
  const Sources sources = sources_of(*home, clone.dags, to);
  for (const std::string& from : {home->folder(), clone.dags}) expect_apart(to, from);
  for (const SourceFolder& source : sources.folders) expect_apart(to, source.from.string());
  make_folder(to);
  const ClonedStore store =
      clone_backend(home->store_url(), home->path("secret.key"), (to / "batuta.db").string(),
                    (to / "secret.key").string(), read_clock().wall);
  for (const SourceFolder& source : sources.folders) {
    fs::create_directories(source.to);
    fs::copy(source.from, source.to, fs::copy_options::recursive);
  }
  for (const std::string& table : tables) {
    copy_table(home->path("lake/" + table), to / "lake" / table);
  }
  std::printf("%s is a copy of %s; every DAG in it is paused\n", to.c_str(),
              home->folder().c_str());
  std::vector<std::string> beside;
  for (const SourceFolder& source : sources.folders)
    if (source.to.parent_path() == to) beside.push_back(source.to.filename().string());
  if (!beside.empty()) std::printf("taken along: %s\n", listed(beside).c_str());
  if (!sources.bundles.empty())
    std::printf("taken along: bundles %s\n", listed(sources.bundles).c_str());
  if (store.live_runs_left_out > 0) {
    const bool one = store.live_runs_left_out == 1;
    std::printf("left out: %lld %s not ended\n", static_cast<long long>(store.live_runs_left_out),
                one ? "run that has" : "runs that have");
  }
  for (const std::string& name : store.without_value) {
    std::printf("left out: the secret of %s\n", name.c_str());
  }
  std::printf("left out: users and tokens; the first start makes an admin\n");
  if (!has_dags) std::printf("left out: DAG files; --dags DIR takes them along\n");
  if (!sources.left_out.empty())
    std::printf("left out: bundles of which no file is here: %s\n",
                listed(sources.left_out).c_str());
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
