#include "scheduler/serve/bundle_keeper.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <filesystem>
#include <future>
#include <optional>

#include "scheduler/serve/git_command.h"
#include "tests/serve/serve_fixture.h"

using namespace batuta;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

std::string dag_text(const std::string& id, const std::string& task) {
  return R"({"dag_id":")" + id + R"(","tasks":[{"task_id":")" + task + R"(","type":"empty"}]})";
}

// A repository that somebody works in, and a keeper of one bundle of it.
class Repository {
 public:
  Repository() {
    git({"init", "--quiet", "--initial-branch=main", at()});
    setting.name = "risk";
    setting.git = at();
    setting.every = Duration::zero();
  }
  std::string at() const { return folder.path("work"); }
  void put(const std::string& name, const std::string& text) const {
    folder.write("work/" + name, text);
  }
  std::string commit(const std::string& message) const {
    git({"-C", at(), "add", "--all"});
    git({"-C", at(), "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet",
         "--allow-empty", "-m", message});
    std::string id = git({"-C", at(), "rev-parse", "HEAD"});
    id.pop_back();
    return id;
  }
  static std::string git(std::vector<std::string> words) {
    GitCall call;
    call.words = std::move(words);
    const auto said = run_git(call);
    REQUIRE_MESSAGE(said.ok(), (said ? "" : said.error().message));
    return *said;
  }

  Folder folder;
  BundleSetting setting;
};

// The keeper, and what it tells.
class BundleWorld {
 public:
  explicit BundleWorld(const Repository& repository, std::string home = "home") {
    BundleKeeper::Hooks hooks;
    hooks.switched = [this](std::vector<BundleFolder> folders) {
      const std::lock_guard lock(mutex_);
      switched_.push_back(folders.at(0).revision);
      changed_.notify_all();
    };
    hooks.dags = [this] { return live; };
    hooks.audited = [this](const std::string& event, const std::string& extra,
                           std::function<Status()> change,
                           std::function<void(const Status&)> done) {
      audit.push_back(event + " " + extra);
      done(change());
    };
    hooks.first_again = 50ms;
    keeper.emplace(repository.folder.path(home), std::vector<BundleSetting>{repository.setting},
                   hooks);
  }
  Result<http::BundleDiff> compare(const std::string& revision = "", bool back = false) {
    std::promise<Result<http::BundleDiff>> told;
    auto answer = told.get_future();
    keeper->compare({"risk", revision, back},
                    [&](Result<http::BundleDiff> diff) { told.set_value(std::move(diff)); });
    REQUIRE(answer.wait_for(60s) == std::future_status::ready);
    return answer.get();
  }
  Status deploy(const std::string& revision = "", bool back = false) {
    const auto diff = compare(revision, back);
    if (!diff) return diff.error();
    return keeper->switch_to("risk", *diff, "ana");
  }
  bool switches(std::size_t times) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, [&] { return switched_.size() >= times; });
  }
  std::string live_revision() const { return keeper->folders().at(0).revision; }
  http::BundleView view() const { return keeper->list().at(0); }
  // Looked at again and again, until it holds.
  bool until(const std::function<bool()>& holds) const {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }

  std::shared_ptr<DagBagSnapshot> live = std::make_shared<DagBagSnapshot>();
  std::vector<std::string> audit;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> switched_;

 public:
  std::optional<BundleKeeper> keeper;  // last: its thread uses what is above
};

}  // namespace

TEST_CASE("a bundle's ref is checked out under its commit and switched to, with a row of audit") {
  Repository repository;
  repository.put("team/dags/a.json", dag_text("a", "one"));
  repository.put("other/dags/b.json", dag_text("b", "one"));
  repository.setting.subdir = "team";
  const std::string first = repository.commit("first");
  BundleWorld world(repository);
  CHECK(world.live_revision().empty());
  world.keeper->start();
  REQUIRE(world.switches(1));
  CHECK(world.live_revision() == first);
  const auto folder = world.keeper->folders().at(0);
  CHECK(folder.dags == repository.folder.path("home/risk/" + first + "/dags"));
  CHECK(fs::exists(folder.dags + "/a.json"));
  CHECK_FALSE(fs::exists(repository.folder.path("home/risk/" + first + "/other")));
  REQUIRE(world.audit.size() == 1);
  CHECK(world.audit[0].find("deploy_bundle") == 0);
  CHECK(world.audit[0].find(first) != std::string::npos);
  CHECK(world.view().kept.at(0).subject == "first");
  CHECK(world.view().kept.at(0).switched_by.empty());
}

TEST_CASE("a diff tells DAGs, files and errors, and changes nothing; a deploy switches") {
  Repository repository;
  repository.put("dags/a.json", dag_text("a", "one"));
  repository.put("dags/b.json", dag_text("b", "one"));
  const std::string first = repository.commit("first");
  BundleWorld world(repository);
  world.keeper->start();
  REQUIRE(world.switches(1));
  repository.put("dags/a.json", dag_text("a", "two"));
  repository.put("dags/c.json", dag_text("c", "one"));
  fs::remove(repository.at() + "/dags/b.json");
  const std::string second = repository.commit("second");
  const auto diff = world.compare();
  REQUIRE(diff);
  CHECK(diff->from == first);
  CHECK(diff->to == second);
  CHECK(diff->added == std::vector<std::string>{"c"});
  CHECK(diff->changed == std::vector<std::string>{"a"});
  CHECK(diff->removed == std::vector<std::string>{"b"});
  CHECK(diff->files.size() == 3);
  CHECK(diff->errors.empty());
  CHECK(world.live_revision() == first);
  REQUIRE(world.deploy());
  CHECK(world.live_revision() == second);
  CHECK(world.view().kept.at(0).switched_by == "ana");
  CHECK(world.view().kept.size() == 2);
  CHECK(world.compare("no-such-branch").error().code == Errc::not_found);
  CHECK(world.compare("--upload-pack=x").error().code == Errc::invalid);
}

TEST_CASE("a revision with import errors is not switched to by itself unless that is allowed") {
  Repository repository;
  repository.setting.every = 20ms;  // less than a setting may say
  repository.put("dags/a.json", dag_text("a", "one"));
  const std::string first = repository.commit("first");
  BundleWorld world(repository);
  world.keeper->start();
  REQUIRE(world.switches(1));
  repository.put("dags/broken.json", "{");
  const std::string second = repository.commit("second");
  REQUIRE(world.until([&] { return !world.view().problem.empty(); }));
  CHECK(world.view().problem.find("1 import error and is not switched to") != std::string::npos);
  CHECK(world.view().tip == second);
  CHECK(world.live_revision() == first);
  repository.put("dags/broken.json", dag_text("b", "one"));
  const std::string third = repository.commit("third");
  REQUIRE(world.switches(2));
  CHECK(world.live_revision() == third);
  CHECK(world.view().problem.empty());

  repository.setting.allow_errors = true;
  repository.put("dags/broken.json", "{");
  const std::string fourth = repository.commit("fourth");
  BundleWorld careless(repository, "other");
  careless.keeper->start();
  REQUIRE(careless.switches(1));
  CHECK(careless.live_revision() == fourth);
}

TEST_CASE("a DAG that another bundle has is an error of the revision") {
  Repository repository;
  repository.put("dags/a.json", dag_text("a", "one"));
  repository.commit("first");
  BundleWorld world(repository);
  auto other = std::make_shared<Dag>(*dag_from(dag_text("a", "one")));
  other->file = "sales://x.json";
  world.live->dags["a"] = other;
  world.keeper->start();
  const auto diff = world.compare();
  REQUIRE(diff);
  REQUIRE(diff->errors.size() == 1);
  CHECK(diff->errors[0].find("already defined in x.json of the bundle \"sales\"") !=
        std::string::npos);
}

TEST_CASE("a rollback goes to what was live before, and holds until the ref moves on") {
  Repository repository;
  repository.put("dags/a.json", dag_text("a", "one"));
  const std::string first = repository.commit("first");
  BundleWorld world(repository);
  world.keeper->start();
  REQUIRE(world.switches(1));
  CHECK(world.deploy("", true).error().message.find("no revision of risk was live before") !=
        std::string::npos);
  repository.put("dags/a.json", dag_text("a", "two"));
  const std::string second = repository.commit("second");
  REQUIRE(world.deploy());
  REQUIRE(world.deploy("", true));
  CHECK(world.live_revision() == first);
  world.keeper.reset();

  // The same over a restart, now with a keeper that looks by itself.
  repository.setting.every = 20ms;
  BundleWorld again(repository);
  CHECK(again.live_revision() == first);
  again.keeper->start();
  REQUIRE(again.until([&] { return again.view().tip == second; }));
  REQUIRE(again.compare());  // it has looked since
  CHECK(again.live_revision() == first);
  repository.put("dags/a.json", dag_text("a", "three"));
  const std::string third = repository.commit("third");
  REQUIRE(again.switches(1));
  CHECK(again.live_revision() == third);
}

TEST_CASE("a rollback before the ref was looked at holds all the same") {
  Repository repository;
  repository.put("dags/a.json", dag_text("a", "one"));
  const std::string first = repository.commit("first");
  {
    BundleWorld world(repository);
    world.keeper->start();
    REQUIRE(world.switches(1));
    repository.put("dags/a.json", dag_text("a", "two"));
    repository.commit("second");
    REQUIRE(world.deploy());
  }
  // Nobody has fetched in this life: a setting of "0s".
  {
    BundleWorld world(repository);
    world.keeper->start();
    REQUIRE(world.deploy("", true));
    CHECK(world.live_revision() == first);
  }
  repository.setting.every = 20ms;
  BundleWorld world(repository);
  world.keeper->start();
  REQUIRE(world.until([&] { return !world.view().tip.empty(); }));
  REQUIRE(world.compare());
  CHECK(world.live_revision() == first);
}

TEST_CASE("revisions beyond those kept are removed, and half of a checkout is none") {
  Repository repository;
  repository.setting.keep = 2;
  BundleWorld world(repository);
  repository.put("dags/a.json", dag_text("a", "t0"));
  std::vector<std::string> ids{repository.commit("t0")};
  // As a process that died leaves it.
  repository.folder.write("home/risk/.staging-" + ids[0] + "/dags/half.json", "{");
  repository.folder.write("home/risk/.staging-" + ids[0] + ".index.lock", "");
  world.keeper->start();
  REQUIRE(world.switches(1));
  CHECK_FALSE(fs::exists(repository.folder.path("home/risk/" + ids[0] + "/dags/half.json")));
  for (const char* task : {"t1", "t2", "t3"}) {
    repository.put("dags/a.json", dag_text("a", task));
    ids.push_back(repository.commit(task));
    REQUIRE(world.deploy());
  }
  const auto there = [&](std::size_t i) {
    return fs::exists(repository.folder.path("home/risk/" + ids[i]));
  };
  CHECK(world.until([&] { return !there(0) && !there(1); }));
  CHECK(there(2));
  CHECK(there(3));
  CHECK(world.view().kept.size() == 2);
}

TEST_CASE("a repository that is away is told, and what is live stays") {
  Repository repository;
  repository.setting.every = 20ms;
  repository.put("dags/a.json", dag_text("a", "one"));
  const std::string first = repository.commit("first");
  BundleWorld world(repository);
  world.keeper->start();
  REQUIRE(world.switches(1));
  fs::rename(repository.at(), repository.folder.path("away"));
  REQUIRE(world.until([&] { return !world.view().problem.empty(); }));
  CHECK(world.view().problem.find("git fetch failed") != std::string::npos);
  CHECK(world.live_revision() == first);
  fs::rename(repository.folder.path("away"), repository.at());
  CHECK(world.until([&] { return world.view().problem.empty(); }));
}

TEST_CASE("a repository's hooks do not run, and no link or submodule leads out of a revision") {
  Repository repository;
  repository.put("dags/a.json", dag_text("a", "one"));
  fs::create_symlink("/etc/passwd", repository.at() + "/dags/passwd.json");
  repository.put(".git/hooks/post-checkout", "#!/bin/sh\ntouch " + repository.folder.path("ran"));
  fs::permissions(repository.at() + "/.git/hooks/post-checkout", fs::perms::owner_all);
  repository.commit("first");
  BundleWorld world(repository);
  world.keeper->start();
  const auto diff = world.compare();
  REQUIRE(diff);
  REQUIRE(diff->errors.size() == 1);
  CHECK(diff->errors[0].find("is a symbolic link that leaves the DAG folder") != std::string::npos);
  CHECK_FALSE(fs::exists(repository.folder.path("ran")));
}

TEST_CASE(
    "a revision whose models are a link out of it is not taken, also when errors are allowed") {
  Repository repository;
  repository.setting.allow_errors = true;
  repository.put("dags/a.json", dag_text("a", "one"));
  fs::create_directory_symlink("../../..", repository.at() + "/models");
  repository.commit("first");
  BundleWorld world(repository);
  world.keeper->start();
  const auto diff = world.compare();
  REQUIRE_FALSE(diff);
  CHECK(diff.error().message.find("models is a symbolic link that leaves the bundle") !=
        std::string::npos);
  CHECK(world.live_revision().empty());
}

TEST_CASE("revisions that are refused do not pile up") {
  Repository repository;
  repository.setting.every = 20ms;
  repository.put("dags/broken.json", "{");
  const std::string first = repository.commit("first");
  BundleWorld world(repository);
  world.keeper->start();
  REQUIRE(world.until([&] { return !world.view().problem.empty(); }));
  CHECK(fs::exists(repository.folder.path("home/risk/" + first)));
  repository.commit("second");
  CHECK(world.until([&] { return !fs::exists(repository.folder.path("home/risk/" + first)); }));
}

TEST_CASE("a first revision that could not be fetched is tried again, also with every \"0s\"") {
  Repository repository;
  repository.put("dags/a.json", dag_text("a", "one"));
  const std::string first = repository.commit("first");
  fs::rename(repository.at(), repository.folder.path("away"));
  BundleWorld world(repository);
  world.keeper->start();
  REQUIRE(world.until([&] { return !world.view().problem.empty(); }));
  fs::rename(repository.folder.path("away"), repository.at());
  REQUIRE(world.switches(1));
  CHECK(world.live_revision() == first);
}

TEST_CASE("half of a pack that a killed git left is removed by the next fetch, good or not") {
  Repository repository;
  repository.put("dags/a.json", dag_text("a", "one"));
  repository.commit("first");
  BundleWorld world(repository);
  world.keeper->start();
  REQUIRE(world.switches(1));
  const std::string half = "home/risk/repository/objects/pack/tmp_pack_Ab12";
  repository.folder.write(half, "half");
  REQUIRE(world.compare());
  CHECK_FALSE(fs::exists(repository.folder.path(half)));
  repository.folder.write(half, "half");
  fs::rename(repository.at(), repository.folder.path("away"));
  CHECK_FALSE(world.compare());
  CHECK_FALSE(fs::exists(repository.folder.path(half)));
}

TEST_CASE("an address of a repository with a password in it is refused, whatever its scheme") {
  const auto read = [](const std::string& url) {
    return read_bundle_settings(R"([{"name":"risk","git":")" + url + R"("}])");
  };
  for (const char* bad : {"https://u:p@host/x", "https://u@host/x", "ssh://git:secret@host/x",
                          "git://u:p@host/x", "ssh://u:p#q@host/x"}) {
    const auto refused = read(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("everybody would see") != std::string::npos);
  }
  for (const char* good : {"ssh://git@host/x", "ssh://git@host:22/a@b:c", "https://host:8443/x@y",
                           "file:///srv/a:b@c", "/srv/a:b@c"})
    CHECK(read(good));
}

TEST_CASE("git is given up after its time, with all that it has started") {
  GitCall call;
  call.words = {"-c", "alias.slow=!sleep 600", "slow"};
  call.limit = 300ms;
  const auto began = std::chrono::steady_clock::now();
  const auto said = run_git(call);
  REQUIRE_FALSE(said);
  CHECK(said.error().message.find("took longer than") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - began < 20s);
  call.words = {"no-such-verb"};
  CHECK(run_git(call).error().message.find("is not a git command") != std::string::npos);
}

TEST_CASE("a git that is killed from outside is run again, and one that always is says so") {
  const Folder folder;
  const std::string tries = folder.path("tries");
  const auto killed = [&](int times) {
    fs::remove(tries);
    GitCall call;
    call.words = {"-c",
                  "alias.work=!echo try >>" + tries + "; [ $(wc -l <" + tries + ") -gt " +
                      std::to_string(times) + " ] && echo done || kill -KILL $PPID",
                  "work"};
    return run_git(call);
  };
  const auto twice = killed(2);
  REQUIRE_MESSAGE(twice.ok(), (twice ? "" : twice.error().message));
  CHECK(*twice == "done\n");
  const auto always = killed(100);
  REQUIRE_FALSE(always);
  CHECK(always.error().message.find("was killed from outside 3 times in a row (signal 9)") !=
        std::string::npos);
  CHECK(fs::file_size(tries) == 3 * std::string("try\n").size());
}
