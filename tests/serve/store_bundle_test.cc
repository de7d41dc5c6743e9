// Bundles whose revisions are what lies in an object store.
#include "scheduler/serve/store_bundle.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "scheduler/serve/bundle_keeper.h"
#include "tests/serve/serve_fixture.h"
#include "tests/stores/store_server.h"

using namespace batuta;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

std::string stored_dag(const std::string& id, const std::string& task) {
  return R"({"dag_id":")" + id + R"(","tasks":[{"task_id":")" + task + R"(","type":"empty"}]})";
}

std::string text_in(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A bundle in one of the stores of tests/stores/store_server.py, and a folder for its revisions.
struct StoredBundle {
  explicit StoredBundle(const std::string& url = "s3://lake/team") {
    setting.name = "risk";
    setting.store = url;
    setting.connection = "drops";
    setting.every = Duration::zero();
    const bool azure = url.starts_with("azblob://");
    drops.login = azure ? "" : "AKIATEST";
    drops.password = azure ? "dGhlIGtleSBvZiB0aGUgYWNjb3VudA==" : "secret/of+the=tests";
    drops.extra = json{{"BATUTA_STORE_ENDPOINT", server.endpoint()}}.dump();
    hooks.connection = [this](const std::string& id) -> Result<Connection> {
      if (id != "drops") return {Errc::not_found, "there is no connection \"" + id + "\""};
      return drops;
    };
  }
  void put(const std::string& name, const std::string& text) const {
    server.control({{"objects", json{{"team/" + name, text}}}});
  }
  StoreBundle source() const { return StoreBundle(folder.path("home/risk"), setting, hooks); }
  std::size_t revisions_here() const {
    std::size_t count = 0;
    for (const auto& one : fs::directory_iterator(folder.path("home/risk")))
      count += one.path().filename().string().size() == 40 ? 1 : 0;
    return count;
  }

  stores::StoreServer& server = stores::fresh_server();
  Folder folder;
  BundleSetting setting;
  Connection drops;
  StoreBundle::Hooks hooks;
};

bool refuses(const Result<Commit>& found, const std::string& part) {
  if (found) return false;
  CAPTURE(found.error().message);
  CHECK(found.error().message.find("secret/of") == std::string::npos);
  return found.error().message.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("what lies below a prefix of a store is a revision, by the ETags of its list") {
  for (const char* url : {"s3://lake/team", "gs://lake/team", "azblob://lakeaccount/lake/team"}) {
    CAPTURE(std::string(url));
    StoredBundle world(url);
    world.put("dags/sub/a.json", stored_dag("a", "one"));
    world.put("models/m.sql", "select 1");
    world.put("dags/", "");                                                  // a console's folder
    world.server.control({{"objects", json{{"other/dags/b.json", "{}"}}}});  // not below it
    const auto first = world.source().fetch();
    REQUIRE_MESSAGE(first.ok(), (first ? "" : first.error().message));
    CHECK(first->id.size() == 40);
    CHECK(first->subject.starts_with("2 objects, "));
    const auto folder = world.source().check_out(*first);
    REQUIRE(folder);
    CHECK(*folder == world.folder.path("home/risk/") + first->id);
    CHECK(text_in(*folder + "/dags/sub/a.json") == stored_dag("a", "one"));
    CHECK(text_in(*folder + "/models/m.sql") == "select 1");
    CHECK_FALSE(fs::exists(*folder + "/dags/b.json"));

    world.put("models/m.sql", "select 2");  // as long as before
    const auto second = world.source().fetch();
    REQUIRE(second);
    CHECK(second->id != first->id);
    world.put("models/m.sql", "select 1");
    CHECK(world.source().fetch()->id == first->id);
    CHECK(world.source().find(first->id.substr(0, 8))->id == first->id);
    CHECK(refuses(world.source().find("main"), "is no revision of"));
    CHECK(refuses(world.source().find("0123456789"), "is no revision of"));
  }
}

TEST_CASE("an object that changes while a bundle is fetched makes no revision of both") {
  StoredBundle world;
  world.put("dags/a.json", stored_dag("a", "one"));
  world.put("dags/b.json", stored_dag("b", "one"));
  const auto commit = world.source().fetch();
  REQUIRE(commit);
  const std::string staged = world.folder.path("home/risk/.staging-") + commit->id;
  bool changed = false;
  world.hooks.stop = [&] {
    if (!changed && fs::exists(staged + "/dags/a.json")) {
      changed = true;
      world.put("dags/b.json", stored_dag("b", "two"));
    }
    return false;
  };
  const auto torn = world.source().check_out(*commit);
  CHECK(changed);
  REQUIRE_FALSE(torn);
  CHECK(torn.error().message.find("has changed since it was looked at") != std::string::npos);
  CHECK(torn.error().message.find("or the same command again") != std::string::npos);
  CHECK(world.revisions_here() == 0);
  world.source().clean({});
  CHECK_FALSE(fs::exists(staged));

  // One that has grown is not even written: a bundle takes no more room than it may.
  const auto second = world.source().fetch();
  REQUIRE(second);
  const std::string grown = world.folder.path("home/risk/.staging-") + second->id + "/dags/";
  changed = false;
  world.hooks.stop = [&] {
    if (!changed && fs::exists(grown + "a.json")) {
      changed = true;
      world.put("dags/b.json", stored_dag("b", "a_longer_one"));
    }
    return false;
  };
  const auto longer = world.source().check_out(*second);
  CHECK(changed);
  REQUIRE_FALSE(longer);
  CHECK(longer.error().message.find("has changed since it was looked at") != std::string::npos);
  CHECK_FALSE(fs::exists(grown + "b.json"));
  CHECK(world.source().check_out(*world.source().fetch()));
}

TEST_CASE("a store that holds no bundle, too much of one, or is not opened says so") {
  StoredBundle world;
  CHECK(refuses(world.source().fetch(), "there is no object below s3://lake/team"));
  world.put("dags/a", "1");
  world.put("dags/a/b.json", "{}");
  const auto both = world.source().check_out(*world.source().fetch());
  REQUIRE_FALSE(both);
  CHECK(both.error().message.find("cannot write the object s3://lake/team/dags/a") !=
        std::string::npos);
  CHECK(world.revisions_here() == 0);
  world.hooks.most_files = 1;
  CHECK(refuses(world.source().fetch(), "a bundle holds at most 20,000"));
  // Folders that a console made, and nothing in them, push no other out of the list.
  for (const char* empty : {"a1/", "a2/", "a3/", "a4/"}) world.put(empty, "");
  world.hooks.most_files = 2;
  const auto found = world.source().fetch();
  REQUIRE_MESSAGE(found.ok(), (found ? "" : found.error().message));
  CHECK(found->subject.starts_with("2 objects, "));
  world.hooks.most_files = BundleSource::max_files;
  world.drops.password = "secret/of+another";
  CHECK(refuses(world.source().fetch(), "403"));
  world.setting.connection = "none";
  CHECK(refuses(world.source().fetch(), "there is no connection \"none\""));
  world.setting.connection = "drops";
  world.hooks.stop = [] { return true; };
  CHECK(refuses(world.source().fetch(), "the scheduler is stopping"));
}

TEST_CASE("a bundle in a store is switched to whole, told file by file, and rolled back") {
  StoredBundle world;
  world.put("dags/a.json", stored_dag("a", "one"));
  world.put("dags/b.json", stored_dag("b", "one"));
  world.put("models/m.sql", "select 1");
  std::promise<void> first_switch;
  std::atomic<bool> told{false};
  BundleKeeper::Hooks hooks;
  hooks.connection = world.hooks.connection;
  hooks.switched = [&](const std::vector<BundleFolder>&) {
    if (!told.exchange(true)) first_switch.set_value();
  };
  hooks.dags = [] { return std::make_shared<const DagBagSnapshot>(); };
  hooks.audited = [](const std::string&, const std::string&, const std::function<Status()>& change,
                     const std::function<void(const Status&)>& done) { done(change()); };
  BundleKeeper keeper(world.folder.path("home"), {world.setting}, hooks);
  const auto live = [&] { return keeper.folders().at(0).revision; };
  const auto compare = [&](const std::string& revision, bool back) {
    std::promise<Result<http::BundleDiff>> answer;
    auto heard = answer.get_future();
    keeper.compare({"risk", revision, back},
                   [&](Result<http::BundleDiff> diff) { answer.set_value(std::move(diff)); });
    return heard.get();
  };
  keeper.start();
  REQUIRE(first_switch.get_future().wait_for(60s) == std::future_status::ready);
  const std::string first = live();
  CHECK(first.size() == 40);
  const auto view = keeper.list().at(0);
  CHECK(view.kind == http::BundleView::Kind::store);
  CHECK(view.place == "s3://lake/team");
  CHECK(view.kept.at(0).subject.starts_with("3 objects, "));

  world.put("dags/a.json", stored_dag("a", "two"));
  world.put("dags/c.json", stored_dag("c", "one"));
  const auto diff = compare("", false);
  REQUIRE_MESSAGE(diff.ok(), (diff ? "" : diff.error().message));
  CHECK(diff->from == first);
  CHECK(diff->added == std::vector<std::string>{"c"});
  CHECK(diff->changed == std::vector<std::string>{"a"});
  const std::vector<std::pair<std::string, std::string>> files{{"M", "dags/a.json"},
                                                               {"A", "dags/c.json"}};
  CHECK(diff->files == files);
  CHECK(live() == first);
  REQUIRE(keeper.switch_to("risk", *diff, "ana"));
  CHECK(live() == diff->to);

  const auto back = compare("", true);
  REQUIRE(back);
  CHECK(back->to == first);
  CHECK(back->removed == std::vector<std::string>{"c"});
  REQUIRE(keeper.switch_to("risk", *back, "ana"));
  CHECK(live() == first);
  const auto again = compare(diff->to.substr(0, 12), false);
  REQUIRE(again);
  CHECK(again->subject == diff->subject);

  // What is there and cannot be read as DAGs is no revision to switch to.
  world.put("dags/broken.json", "{");
  CHECK(compare("", false)->errors.size() == 1);
}
