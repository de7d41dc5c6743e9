#include "scheduler/dagfile/bundle.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "scheduler/dagfile/bag_state.h"
#include "scheduler/dagfile/folder.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

Time an_hour_on() {
  return read_clock().wall + std::chrono::hours(1);
}

// A DAG folder, and two bundles beside it.
struct ThreeFolders {
  TempFolder folder;
  std::string at(const std::string& below) const {
    return (fs::path(folder.path()) / below).string();
  }
  std::vector<BundleFolder> bundles() const {
    return {bundle_in("risk", at("risk")), bundle_in("sales", at("sales"))};
  }
  BagState bag() const {
    BagState state(at("dags"));
    state.set_bundles(bundles());
    return state;
  }
};

std::vector<std::string> ids_of(const DagBagSnapshot& snapshot) {
  std::vector<std::string> ids;
  for (const auto& [id, dag] : snapshot.dags) ids.push_back(id);
  return ids;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a folder of a bundle that is a link out of it is not followed, one inside of it is") {
  const ThreeFolders world;
  world.folder.write("secret/key.sql", "SELECT 'secret'");
  world.folder.write("risk/dags/a.json", R"({"dag_id":"a","tasks":[{"task_id":"t","type":"sql",
      "connection":"c","sql":{"$file":"models/key.sql"}}]})");
  auto bag = world.bag();
  for (const char* name : {"models", "contracts", "calendars"}) {
    fs::create_directory_symlink("../secret", world.at(std::string("risk/") + name));
    const auto read = bag.scan(an_hour_on());
    REQUIRE(read.snapshot);
    CHECK_FALSE(read.snapshot->dags.contains("a"));
    const auto& errors = read.snapshot->import_errors;
    CHECK(std::any_of(errors.begin(), errors.end(), [&](const ImportError& error) {
      return error.message.find(std::string(name) + " is a symbolic link that leaves the bundle") !=
             std::string::npos;
    }));
    fs::remove(world.at(std::string("risk/") + name));
  }
  fs::create_directory_symlink("/etc", world.at("risk/models"));
  CHECK(check_links_of_bundle(world.at("risk")).error().code == Errc::forbidden);
  fs::remove(world.at("risk/models"));
  world.folder.write("risk/shared/key.sql", "SELECT 1");
  fs::create_directory_symlink("shared", world.at("risk/models"));
  CHECK(check_links_of_bundle(world.at("risk")));
  CHECK(bag.scan(an_hour_on()).snapshot->dags.contains("a"));
}

TEST_CASE("a file names its bundle, and a plain path is of the default one") {
  CHECK(file_in_bundle("default", "team/a.json") == "team/a.json");
  CHECK(file_in_bundle("risk", "team/a.json") == "risk://team/a.json");
  CHECK(split_bundle_file("team/a.json").bundle == "default");
  CHECK(split_bundle_file("team/a.json").path == "team/a.json");
  CHECK(split_bundle_file("risk://team/a.json").bundle == "risk");
  CHECK(split_bundle_file("risk://team/a.json").path == "team/a.json");
  CHECK(split_bundle_file("risk://").path.empty());
  for (const char* good : {"risk", "a", "risk_2-b"}) CHECK(check_bundle_name(good));
  for (const char* bad : {"", "Risk", "2risk", "ri sk", "a/b", "..", "default"})
    CHECK_FALSE(check_bundle_name(bad));
  CHECK_FALSE(check_bundle_name(std::string(65, 'a')));
}

TEST_CASE("the DAGs of several bundles are read, each with its own contracts and models") {
  const ThreeFolders world;
  const std::string contract =
      read_text(source_folder() / "tests/dagfile/contracts/shop/orders.odcs.yaml");
  world.folder.write("dags/plain.json", small_dag("plain"));
  world.folder.write("risk/dags/in.json",
                     R"({"dag_id":"in","tasks":[{"task_id":"a","type":"extract",)"
                     R"("contract":"shop/orders"}]})");
  world.folder.write("risk/contracts/shop/orders.odcs.yaml", contract);
  world.folder.write("sales/dags/gold.json",
                     R"({"dag_id":"gold","tasks":[{"task_id":"a","type":"aggregate",)"
                     R"("table":"gold/shop/sales","sql":{"$file":"models/sales.sql"}}]})");
  world.folder.write("sales/models/sales.sql", "SELECT 1 AS one");
  BagState bag = world.bag();
  auto update = bag.scan(an_hour_on());
  REQUIRE(update.snapshot);
  REQUIRE_MESSAGE(update.snapshot->import_errors.empty(),
                  update.snapshot->import_errors.front().message);
  CHECK(ids_of(*update.snapshot) == Words{"gold", "in", "plain"});
  CHECK(update.snapshot->dags.at("in")->file == "risk://in.json");
  CHECK(update.snapshot->dags.at("plain")->file == "plain.json");
  CHECK(update.snapshot->bundles.at("risk").dags == 1);
  CHECK(update.snapshot->bundles.at("default").dags == 1);
  const auto watched = [&](const std::string& below) {
    return std::find(update.outside.begin(), update.outside.end(), world.at(below)) !=
           update.outside.end();
  };
  CHECK(watched("risk/dags"));
  CHECK(watched("risk/contracts/shop"));
  CHECK(watched("sales/models"));
  // What a DAG names makes a new version of it, wherever in its bundle it lies.
  const std::string before = update.snapshot->dags.at("gold")->version;
  world.folder.write("sales/models/sales.sql", "SELECT 2 AS two");
  update = bag.scan(an_hour_on());
  REQUIRE(update.snapshot);
  CHECK(update.snapshot->dags.at("gold")->version != before);
  CHECK(update.changed.size() == 1);
}

TEST_CASE("a model of another bundle is none of this one's, nor is its contract") {
  const ThreeFolders world;
  world.folder.write(
      "risk/dags/in.json",
      R"({"dag_id":"in","tasks":[{"task_id":"a","type":"aggregate",)"
      R"("table":"gold/shop/sales","sql":{"$file":"../../sales/models/sales.sql"}}]})");
  world.folder.write(
      "risk/dags/two.json",
      R"({"dag_id":"two","tasks":[{"task_id":"a","type":"aggregate",)"
      R"("table":"gold/shop/sales","sql":{"$file":"models/../../sales/models/sales.sql"}}]})");
  world.folder.write("sales/models/sales.sql", "SELECT 1 AS one");
  world.folder.write("risk/models/x.sql", "SELECT 1 AS one");
  BagState bag = world.bag();
  const auto update = bag.scan(an_hour_on());
  REQUIRE(update.snapshot);
  CHECK(update.snapshot->dags.empty());
}

TEST_CASE("one dag_id in two bundles is an import error that names both; the first keeps it") {
  const ThreeFolders world;
  world.folder.write("risk/dags/a.json", small_dag("one"));
  BagState bag = world.bag();
  bag.scan(an_hour_on());
  world.folder.write("sales/dags/b.json", small_dag("one", "other"));
  const auto update = bag.scan(an_hour_on());
  REQUIRE(update.snapshot);
  CHECK(update.snapshot->dags.at("one")->file == "risk://a.json");
  const auto& errors = update.snapshot->import_errors;
  const auto found = std::find_if(errors.begin(), errors.end(),
                                  [](const ImportError& e) { return e.file == "sales://b.json"; });
  REQUIRE(found != errors.end());
  CHECK(found->message.find("of the bundle \"sales\" is already defined in a.json of the bundle "
                            "\"risk\"") != std::string::npos);
}

TEST_CASE("a broken or vanished bundle keeps its DAGs, is told, and hides no other's") {
  const ThreeFolders world;
  world.folder.write("dags/plain.json", small_dag("plain"));
  world.folder.write("risk/dags/a.json", small_dag("a"));
  world.folder.write("sales/dags/b.json", small_dag("b"));
  BagState bag = world.bag();
  bag.scan(an_hour_on());
  fs::rename(world.at("risk"), world.at("away"));
  world.folder.write("sales/dags/b.json", "{");
  world.folder.write("dags/plain.json", small_dag("plain", "edited"));
  auto update = bag.scan(an_hour_on());
  REQUIRE(update.snapshot);
  CHECK(update.gone.empty());
  CHECK(ids_of(*update.snapshot) == Words{"a", "b", "plain"});
  CHECK(update.snapshot->dags.at("plain")->tasks[0].id == "edited");
  CHECK(update.snapshot->bundles.at("risk").missing);
  REQUIRE(update.snapshot->import_errors.size() == 2);
  CHECK(update.snapshot->import_errors[0].file == "risk://");
  CHECK(update.snapshot->import_errors[0].message.find("cannot be opened; its DAGs stay") !=
        std::string::npos);
  CHECK(update.snapshot->import_errors[1].file == "sales://b.json");
  // Back again, without the file: now it is gone.
  fs::rename(world.at("away"), world.at("risk"));
  fs::remove(world.at("risk/dags/a.json"));
  update = bag.scan(an_hour_on());
  CHECK(update.gone == Words{"a"});
}

TEST_CASE("a vanished bundle keeps its DAGs over a restart, one that is named no more does not") {
  const ThreeFolders world;
  world.folder.write("risk/dags/a.json", small_dag("a"));
  world.folder.write("sales/dags/b.json", small_dag("b"));
  BagState before = world.bag();
  const auto seen = before.scan(an_hour_on()).snapshot;
  fs::remove_all(world.at("risk"));
  BagState after(world.at("dags"));
  after.set_bundles({world.bundles()[0]});
  after.set_known({seen->dags.at("a"), seen->dags.at("b")});
  const auto update = after.scan(an_hour_on());
  REQUIRE(update.snapshot);
  CHECK(ids_of(*update.snapshot) == Words{"a"});
  CHECK(update.gone == Words{"b"});
}

TEST_CASE("a bundle whose folder is another changes all its DAGs in one update") {
  const ThreeFolders world;
  world.folder.write("one/dags/a.json", small_dag("a"));
  world.folder.write("one/dags/b.json", small_dag("b"));
  world.folder.write("two/dags/a.json", small_dag("a", "newer"));
  world.folder.write("two/dags/c.json", small_dag("c"));
  BagState bag(world.at("dags"));
  bag.set_bundles({bundle_in("risk", world.at("one"), "1111")});
  CHECK(bag.scan(an_hour_on()).snapshot->bundles.at("risk").revision == "1111");
  bag.set_bundles({bundle_in("risk", world.at("two"), "2222")});
  const auto update = bag.scan(an_hour_on());
  REQUIRE(update.snapshot);
  CHECK(update.changed.size() == 2);
  CHECK(update.gone == Words{"b"});
  CHECK(update.snapshot->dags.at("a")->tasks[0].id == "newer");
  CHECK(update.snapshot->bundles.at("risk").revision == "2222");
}

TEST_CASE("each folder of the folder of bundles is one, and what cannot be one is told") {
  const ThreeFolders world;
  world.folder.write("bundles/web/dags/w.json", small_dag("w"));
  world.folder.write("bundles/risk/dags/r.json", small_dag("r"));
  world.folder.write("bundles/No Name/dags/n.json", small_dag("n"));
  world.folder.write("bundles/.new/dags/h.json", small_dag("h"));
  world.folder.write("risk/dags/a.json", small_dag("a"));
  world.folder.write("sales/dags/b.json", small_dag("b"));
  BagState bag = world.bag();
  bag.set_bundles_folder(world.at("bundles"));
  auto update = bag.scan(an_hour_on());
  REQUIRE(update.snapshot);
  CHECK(ids_of(*update.snapshot) == Words{"a", "b", "w"});
  REQUIRE(update.snapshot->import_errors.size() == 2);
  CHECK(update.snapshot->import_errors[0].message.find("\"No Name\" is no name of a bundle") !=
        std::string::npos);
  CHECK(update.snapshot->import_errors[1].message.find("stands in batuta.json") !=
        std::string::npos);
  // One that is taken away takes its DAGs with it; all of them away at once is a mount that failed.
  fs::rename(world.at("bundles"), world.at("unmounted"));
  update = bag.scan(an_hour_on());
  REQUIRE(update.snapshot);
  CHECK(update.gone.empty());
  CHECK(update.snapshot->dags.contains("w"));
  fs::rename(world.at("unmounted"), world.at("bundles"));
  fs::remove_all(world.at("bundles/web"));
  CHECK(bag.scan(an_hour_on()).gone == Words{"w"});
}

TEST_CASE("a file saved in another bundle, or in one made later, is live within a second") {
  const ThreeFolders world;
  fs::create_directories(world.at("dags"));
  fs::create_directories(world.at("risk/dags"));
  fs::create_directories(world.at("bundles"));
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> heard;
  const auto hears = [&](const std::string& what) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(1), [&] {
      return std::find(heard.begin(), heard.end(), what) != heard.end();
    });
  };
  DagBag bag(world.at("dags"), {[&](std::vector<std::shared_ptr<const Dag>> dags, const auto&) {
               const std::lock_guard lock(mutex);
               for (const auto& dag : dags) heard.push_back(dag->id + ":" + dag->tasks[0].id);
               changed.notify_all();
             }});
  bag.set_bundles({world.bundles()[0]});
  bag.set_bundles_folder(world.at("bundles"));
  bag.start();
  world.folder.write("risk/dags/team/a.json", small_dag("a"));
  CHECK(hears("a:a"));
  world.folder.write("risk/dags/team/a.json", small_dag("a", "edited"));
  CHECK(hears("a:edited"));
  world.folder.write("bundles/later/dags/w.json", small_dag("w"));
  CHECK(hears("w:a"));
}

}  // namespace batuta
