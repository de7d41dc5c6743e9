#include "scheduler/serve/bundle_keeper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "common/failpoint.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/safe_json.h"
#include "scheduler/serve/bundle_check.h"
#include "scheduler/serve/git_bundle.h"
#include "scheduler/serve/store_bundle.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_asked = 16;
constexpr std::size_t max_shown_errors = 5;
constexpr Duration longest_sleep = std::chrono::minutes(1);

std::string short_id(const std::string& commit) {
  return commit.substr(0, 12);
}

// What is live, and what was before it.
struct KeptState {
  std::vector<http::BundleRevision> revisions;
  std::string passed_over;
};

std::string state_text(const KeptState& state) {
  json revisions = json::array();
  for (const auto& one : state.revisions) {
    revisions.push_back({{"revision", one.revision},
                         {"subject", one.subject},
                         {"switched_at", to_iso(one.switched_at)},
                         {"switched_by", one.switched_by}});
  }
  return json_text({{"revisions", revisions}, {"passed_over", state.passed_over}}) + "\n";
}

Result<KeptState> read_state(const std::string& path) {
  KeptState state;
  std::ifstream in(path);
  if (!in) return state;
  std::stringstream text;
  text << in.rdbuf();
  const auto read = parse_untrusted(text.str());
  if (!read || !read->is_object() || !read->contains("revisions") ||
      !(*read)["revisions"].is_array())
    return {Errc::invalid, path + " is damaged: remove it, and the bundle's ref is deployed anew"};
  for (const json& one : (*read)["revisions"]) {
    if (!one.is_object()) continue;
    http::BundleRevision revision;
    revision.revision = one.value("revision", "");
    revision.subject = one.value("subject", "");
    revision.switched_by = one.value("switched_by", "");
    if (const auto at = parse_iso(one.value("switched_at", ""))) revision.switched_at = *at;
    if (!revision.revision.empty()) state.revisions.push_back(std::move(revision));
  }
  state.passed_over = read->value("passed_over", "");
  return state;
}

// The one act: before the rename the old state holds, after it the new.
Status write_state(const std::string& folder, const KeptState& state) {
  const std::string path = folder + "/current.json", staged = path + ".new";
  const std::string text = state_text(state);
  const auto failed = [&](const char* what) {
    return Status(Errc::unavailable,
                  std::string("cannot ") + what + " " + path + ": " + std::strerror(errno));
  };
  {
    const UniqueFd fd(::open(staged.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(fd.get()) != 0)
      return failed("write");
  }
  failpoint("bundle_before_switch");
  if (::rename(staged.c_str(), path.c_str()) != 0) return failed("replace");
  const UniqueFd holder(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (holder) ::fsync(holder.get());
  failpoint("bundle_after_switch");
  return success();
}

std::string refusal_of(const http::BundleDiff& diff) {
  std::string text =
      "the revision " + short_id(diff.to) + " has " + std::to_string(diff.errors.size()) +
      (diff.errors.size() == 1 ? " import error" : " import errors") + " and is not switched to:";
  for (std::size_t i = 0; i < diff.errors.size() && i < max_shown_errors; ++i)
    text += "\n" + diff.errors[i];
  if (diff.errors.size() > max_shown_errors)
    text += "\nand " + std::to_string(diff.errors.size() - max_shown_errors) + " more";
  return text;
}

std::string audit_text(const std::string& name, const http::BundleDiff& diff) {
  return json_text({{"bundle_name", name}, {"from", diff.from}, {"to", diff.to}});
}

}  // namespace

BundleKeeper::BundleKeeper(std::string folder, std::vector<BundleSetting> bundles, Hooks hooks)
    : folder_(std::move(folder)), settings_(std::move(bundles)), hooks_(std::move(hooks)) {
  for (const BundleSetting& setting : settings_) {
    if (!setting.has_revisions()) continue;
    Kept& bundle = kept_.emplace(setting.name, Kept{setting, source_of(setting)}).first->second;
    auto state = read_state(bundle.files->folder() + "/current.json");
    if (state) {
      bundle.revisions = std::move(state->revisions);
      bundle.passed_over = std::move(state->passed_over);
    } else {
      bundle.problem = state.error().message;
      log::warn("bundle " + setting.name + ": " + bundle.problem);
    }
  }
}

std::shared_ptr<const BundleSource> BundleKeeper::source_of(const BundleSetting& setting) const {
  const std::string folder = folder_ + "/" + setting.name;
  if (!setting.git.empty()) return std::make_shared<GitBundle>(folder, setting);
  StoreBundle::Hooks hooks;
  hooks.connection = hooks_.connection;
  hooks.stop = [this] { return stopping_.load(); };
  return std::make_shared<StoreBundle>(folder, setting, std::move(hooks));
}

BundleKeeper::~BundleKeeper() {
  stop();
}

void BundleKeeper::start() {
  if (!kept_.empty()) thread_ = std::thread([this] { run(); });
}

void BundleKeeper::begin_stop() {
  std::deque<Asked> left;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    left.swap(asked_);
  }
  wake_.notify_all();
  for (Asked& one : left) one.done({Errc::unavailable, "the scheduler is stopping"});
}

void BundleKeeper::stop() {
  begin_stop();
  if (thread_.joinable()) thread_.join();
}

std::vector<BundleFolder> BundleKeeper::folders() const {
  const std::lock_guard lock(mutex_);
  std::vector<BundleFolder> out;
  for (const BundleSetting& setting : settings_) {
    if (!setting.has_revisions()) {
      out.push_back(bundle_in(setting.name, setting.path));
      continue;
    }
    const Kept& bundle = kept_.at(setting.name);
    const std::string live = bundle.revisions.empty() ? "" : bundle.revisions[0].revision;
    // Before the first there is a folder that is not: it is told, and DAGs known before stay.
    out.push_back(bundle_in(
        setting.name, bundle.files->folder_of(live.empty() ? "no-revision-yet" : live), live));
  }
  return out;
}

void BundleKeeper::set_catalogue(std::vector<PluginInfo> catalogue) {
  const std::lock_guard lock(mutex_);
  catalogue_ = std::move(catalogue);
}

std::vector<http::BundleView> BundleKeeper::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<http::BundleView> out;
  for (const BundleSetting& setting : settings_) {
    http::BundleView view;
    view.name = setting.name;
    view.place = setting.git + setting.store + setting.path;  // one of them
    if (setting.has_revisions()) {
      const Kept& bundle = kept_.at(setting.name);
      const bool git = !setting.git.empty();
      view.kind = git ? http::BundleView::Kind::git : http::BundleView::Kind::store;
      if (git) view.ref = setting.ref;
      view.tip = bundle.tip;
      view.problem = bundle.problem;
      view.kept = bundle.revisions;
    }
    out.push_back(std::move(view));
  }
  return out;
}

void BundleKeeper::compare(http::BundleAct act,
                           std::function<void(Result<http::BundleDiff>)> done) {
  Error refused;
  {
    const std::lock_guard lock(mutex_);
    const auto named = std::find_if(settings_.begin(), settings_.end(),
                                    [&](const auto& one) { return one.name == act.name; });
    if (named == settings_.end()) {
      refused = {Errc::not_found, "there is no bundle " + act.name + " (batuta bundles list)", {}};
    } else if (!named->has_revisions()) {
      refused = http::bundle_is_folder(act.name);
    } else if (stopping_ || asked_.size() >= max_asked) {
      refused = {Errc::unavailable, "too much is asked of bundles at once; try again", {}};
    } else {
      asked_.push_back({std::move(act), std::move(done)});
      wake_.notify_all();
      return;
    }
  }
  done(refused);
}

Status BundleKeeper::switch_to(const std::string& name, const http::BundleDiff& what,
                               const std::string& user) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(name);
    if (found == kept_.end()) return {Errc::not_found, "there is no bundle " + name};
    Kept& bundle = found->second;
    struct stat there {};
    if (::stat(bundle.files->folder_of(what.to).c_str(), &there) != 0)
      return {Errc::conflict,
              "the revision " + short_id(what.to) + " is no longer here: try again"};
    KeptState state{bundle.revisions, ""};
    // Before the first look the ref was most likely where what is live came from.
    const bool unknown = bundle.tip.empty() && !bundle.revisions.empty();
    const std::string tip = unknown ? bundle.revisions[0].revision : bundle.tip;
    std::erase_if(state.revisions, [&](const auto& one) { return one.revision == what.to; });
    state.revisions.insert(state.revisions.begin(),
                           {what.to, what.subject, read_clock().wall, user});
    const auto most = static_cast<std::size_t>(bundle.setting.keep);
    if (state.revisions.size() > most) state.revisions.resize(most);
    if (what.to != tip) state.passed_over = tip;
    if (auto written = write_state(bundle.files->folder(), state); !written) return written;
    bundle.revisions = std::move(state.revisions);
    bundle.passed_over = std::move(state.passed_over);
    bundle.problem.clear();
    unclean_ = true;
  }
  log::info("bundle " + name + ": switched to " + what.to);
  hooks_.switched(folders());
  wake_.notify_all();
  return success();
}

BundleKeeper::Kept BundleKeeper::copy_of(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return kept_.at(name);
}

void BundleKeeper::tell(const std::string& name, const std::string& problem) {
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;  // what ends with us is no problem of the bundle
    std::string& kept = kept_.at(name).problem;
    is_new = kept != problem;
    kept = problem;
  }
  if (is_new && !problem.empty()) log::warn("bundle " + name + ": " + problem);
}

Result<Commit> BundleKeeper::wanted(const http::BundleAct& act, const Kept& bundle) {
  if (!act.back) {
    auto found = bundle.files->find(act.revision);
    if (found && found->subject.empty()) {
      for (const auto& one : bundle.revisions) {
        if (one.revision == found->id) found->subject = one.subject;
      }
    }
    return found;
  }
  for (std::size_t i = 1; i < bundle.revisions.size(); ++i) {
    const auto& one = bundle.revisions[i];
    if (act.revision.empty() || one.revision.starts_with(act.revision))
      return Commit{one.revision, one.subject};
  }
  return {Errc::not_found,
          act.revision.empty()
              ? "no revision of " + act.name + " was live before this one"
              : "the revision " + act.revision + " of " + act.name +
                    " is not one that was live before and is kept (batuta bundles list); deploy "
                    "takes any"};
}

Result<http::BundleDiff> BundleKeeper::compare_with(const Kept& bundle, const Commit& commit) {
  const auto folder = bundle.files->check_out(commit);
  if (!folder) return folder.error();
  std::vector<PluginInfo> catalogue;
  {
    const std::lock_guard lock(mutex_);
    catalogue = catalogue_;
  }
  http::BundleDiff diff;
  diff.to = commit.id;
  diff.subject = commit.subject;
  if (!bundle.revisions.empty()) diff.from = bundle.revisions[0].revision;
  const std::string before = diff.from.empty() ? "" : bundle.files->folder_of(diff.from);
  compare_bundles(bundle.setting.name, read_bundle(before, catalogue),
                  read_bundle(*folder, catalogue), *hooks_.dags(), diff);
  auto files = bundle.files->files_between(diff.from, diff.to);
  // A revision that is kept longer than its commit is fetched has a folder, and no list of files.
  if (files) diff.files = *std::move(files);
  return diff;
}

Result<http::BundleDiff> BundleKeeper::compare_now(const http::BundleAct& act) {
  const Kept bundle = copy_of(act.name);
  const auto commit = wanted(act, bundle);
  if (!commit) return commit.error();
  {
    const std::lock_guard lock(mutex_);
    Kept& kept = kept_.at(act.name);
    if (act.revision.empty() && !act.back) kept.tip = commit->id;
    kept.compared = commit->id;
    unclean_ = true;
  }
  return compare_with(bundle, *commit);
}

void BundleKeeper::take(const std::string& name, const http::BundleDiff& diff) {
  {
    const std::lock_guard lock(mutex_);
    switching_ = true;
  }
  hooks_.audited(
      "deploy_bundle", audit_text(name, diff),
      [this, name, diff] { return switch_to(name, diff, ""); },
      [this, name](const Status& done) {
        if (!done) tell(name, done.error().message);
        const std::lock_guard lock(mutex_);
        switching_ = false;
        wake_.notify_all();
      });
}

// Whether the ref has moved, and if so what it would change.
void BundleKeeper::look(const std::string& name) {
  const Kept bundle = copy_of(name);
  const auto tip = bundle.files->fetch();
  if (!tip) return tell(name, tip.error().message);
  {
    const std::lock_guard lock(mutex_);
    kept_.at(name).tip = tip->id;
    unclean_ = true;  // also when it is refused: the one before it has a folder, too
  }
  const bool is_live = !bundle.revisions.empty() && bundle.revisions[0].revision == tip->id;
  if (is_live || bundle.passed_over == tip->id) return tell(name, "");
  const auto diff = compare_with(bundle, *tip);
  if (!diff) return tell(name, diff.error().message);
  if (!diff->errors.empty() && !bundle.setting.allow_errors) return tell(name, refusal_of(*diff));
  failpoint("bundle_checked_out");
  take(name, *diff);
}

// Revisions that nobody can go back to; the one that was compared last may be switched to next.
void BundleKeeper::clean_up() {
  std::vector<std::pair<std::shared_ptr<const BundleSource>, std::vector<std::string>>> jobs;
  {
    const std::lock_guard lock(mutex_);
    if (!unclean_ || switching_) return;
    unclean_ = false;
    for (const auto& [name, bundle] : kept_) {
      std::vector<std::string> keep{bundle.tip, bundle.compared};
      for (const auto& one : bundle.revisions) keep.push_back(one.revision);
      jobs.emplace_back(bundle.files, std::move(keep));
    }
  }
  for (const auto& [files, keep] : jobs) files->clean(keep);
}

void BundleKeeper::run() {
  for (;;) {
    clean_up();
    std::optional<Asked> asked;
    std::string due;
    {
      std::unique_lock lock(mutex_);
      const auto now = std::chrono::steady_clock::now();
      auto next = now + longest_sleep;
      for (const auto& [name, bundle] : kept_) {
        const bool by_itself = bundle.setting.every > Duration::zero() || bundle.revisions.empty();
        if (!by_itself) continue;
        if (bundle.next_look <= now && due.empty()) due = name;
        next = std::min(next, bundle.next_look);
      }
      if (stopping_) return;
      // Switched since clean_up() looked, so that its wake-up found nobody asleep.
      if (unclean_ && !switching_) continue;
      if (!asked_.empty()) {
        asked.emplace(std::move(asked_.front()));
        asked_.pop_front();
      } else if (due.empty() || switching_) {
        wake_.wait_for(lock, switching_ ? longest_sleep : next - now);
        continue;
      } else {
        Kept& bundle = kept_.at(due);
        bundle.next_look = now + (bundle.setting.every > Duration::zero() ? bundle.setting.every
                                                                          : hooks_.first_again);
      }
    }
    if (asked) {
      asked->done(compare_now(asked->act));
    } else {
      look(due);
    }
  }
}

}  // namespace batuta
