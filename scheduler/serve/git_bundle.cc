#include "scheduler/serve/git_bundle.h"

#include <cstdio>
#include <filesystem>
#include <sstream>

#include "scheduler/dagfile/folder.h"
#include "scheduler/serve/git_command.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

constexpr const char* tip_ref = "refs/batuta/fetched";

Status check_links(const std::string& folder, const std::string& commit) {
  auto inside = check_links_of_bundle(folder);
  if (inside) return inside;
  return {inside.error().code,
          "the revision " + commit.substr(0, 12) + " is not taken: " + inside.error().message};
}

// What a git that was killed, or ended for a file too large, leaves: nobody else removes it soon.
void remove_half_packs(const std::string& repository) {
  std::error_code failed, ignored;
  std::vector<fs::path> half;
  for (fs::directory_iterator at(repository + "/objects/pack", failed), end; !failed && at != end;
       at.increment(failed)) {
    if (at->path().filename().string().starts_with("tmp_")) half.push_back(at->path());
  }
  for (const fs::path& path : half) fs::remove(path, ignored);
}

}  // namespace

Result<std::string> GitBundle::git(std::vector<std::string> words,
                                   std::vector<std::string> environment) const {
  words.insert(words.begin(), "--git-dir=" + folder() + "/repository");
  GitCall call;
  call.words = std::move(words);
  call.environment = std::move(environment);
  return run_git(call);
}

std::string GitBundle::tree_of(const std::string& commit) const {
  return commit + ":" + setting_.subdir;
}

Result<Commit> GitBundle::fetch(const std::string& ref) const {
  std::error_code failed;
  fs::create_directories(folder(), failed);
  if (failed) return {Errc::unavailable, "cannot make " + folder() + ": " + failed.message()};
  const std::string repository = folder() + "/repository";
  for (const bool again : {false, true}) {
    if (!fs::exists(repository + "/HEAD")) {
      GitCall init;
      init.words = {"init", "--quiet", "--bare", "--template=", repository};
      if (const auto made = run_git(init); !made) return made.error();
    }
    remove_half_packs(repository);  // of a scheduler that was killed
    const auto fetched = git({"fetch", "--quiet", "--no-tags", "--no-recurse-submodules",
                              "--depth=100", "--force", setting_.git, "+" + ref + ":" + tip_ref});
    if (fetched) break;
    remove_half_packs(repository);
    // What a killed process has left locked is made anew: all of it can be fetched again.
    const bool locked = fetched.error().message.find(".lock") != std::string::npos;
    if (again || !locked) {
      const bool missing =
          fetched.error().message.find("couldn't find remote ref") != std::string::npos;
      return {missing ? Errc::not_found : Errc::unavailable, fetched.error().message};
    }
    fs::remove_all(repository, failed);
  }
  return commit_of(tip_ref);
}

Result<Commit> GitBundle::commit_of(const std::string& name) const {
  const auto shown = git({"log", "-1", "--format=%H%n%s", name, "--"});
  if (!shown) return {Errc::not_found, "no commit " + name + ": " + shown.error().message};
  const auto line = shown->find('\n');
  Commit commit{shown->substr(0, line), {}};
  if (!is_commit_id(commit.id)) return {Errc::unavailable, "git log told no commit id"};
  if (line != shown->npos) commit.subject = shown->substr(line + 1, 200);
  if (const auto end = commit.subject.find('\n'); end != commit.subject.npos)
    commit.subject.resize(end);
  return commit;
}

Result<Commit> GitBundle::find(const std::string& revision) const {
  if (revision.empty()) return fetch();
  if (is_commit_id(revision, 7)) {
    if (auto known = commit_of(revision)) return known;
    if (const auto tip = fetch(); !tip) return tip;
    if (auto known = commit_of(revision)) return known;
  }
  if (auto wrong = check_ref(revision); !wrong) return wrong.error();
  auto found = fetch(revision);
  if (!found && found.error().code == Errc::not_found) {
    return {Errc::not_found, "\"" + revision + "\" is no branch or tag of " + setting_.git +
                                 ", nor one of the last 100 commits of " + setting_.ref};
  }
  return found;
}

Status GitBundle::check_size(const std::string& commit) const {
  const auto listed = git({"ls-tree", "-r", "-l", "-z", tree_of(commit)});
  if (!listed) {
    return {Errc::not_found, "the revision " + shortened(commit) + " has no folder \"" +
                                 setting_.subdir + "\": " + listed.error().message};
  }
  std::int64_t bytes = 0;
  std::size_t files = 0;
  std::istringstream entries(*listed);
  for (std::string entry; std::getline(entries, entry, '\0');) {
    std::istringstream fields(entry);
    std::string mode, kind, id;
    std::int64_t size = 0;
    fields >> mode >> kind >> id >> size;
    bytes += size;
    ++files;
  }
  if (bytes <= max_bytes && files <= max_files) return success();
  return too_large("the revision " + shortened(commit), files, bytes,
                   "name the folder that has the DAGs as its \"subdir\"");
}

Result<std::string> GitBundle::check_out(const Commit& commit) const {
  const std::string target = folder_of(commit.id);
  if (fs::is_directory(target)) {
    if (auto inside = check_links(target, commit.id); !inside) return inside.error();
    return target;
  }
  if (auto fits = check_size(commit.id); !fits) return fits.error();
  const auto made = make_staging(commit.id);
  if (!made) return made.error();
  const std::string& staged = *made;
  const std::string index = staged + ".index";
  std::error_code failed;
  fs::remove(index + ".lock", failed);  // of a git that was killed: it would refuse for ever
  const std::vector<std::string> apart{"GIT_INDEX_FILE=" + index};
  auto done = git({"read-tree", tree_of(commit.id)}, apart);
  if (done) {
    done = git(
        {"--work-tree=" + staged, "checkout-index", "--all", "--force", "--prefix=" + staged + "/"},
        apart);
  }
  fs::remove(index, failed);
  if (!done) return done.error();
  if (auto inside = check_links(staged, commit.id); !inside) return inside.error();
  return keep_staged(staged, commit.id);
}

Result<std::vector<std::pair<std::string, std::string>>> GitBundle::files_between(
    const std::string& from, const std::string& to) const {
  const std::string nothing = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";  // git's empty tree
  // That of an older switch may no longer be fetched.
  const bool known = !from.empty() && commit_of(from).ok();
  const auto told = git({"diff-tree", "-r", "-z", "--name-status", "--no-renames",
                         known ? tree_of(from) : nothing, tree_of(to)});
  if (!told) return told.error();
  std::vector<std::pair<std::string, std::string>> files;
  std::istringstream words(*told);
  for (std::string change, path; files.size() < max_told_files &&
                                 std::getline(words, change, '\0') &&
                                 std::getline(words, path, '\0');)
    files.emplace_back(change, path);
  return files;
}

}  // namespace batuta
