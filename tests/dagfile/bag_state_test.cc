#include "scheduler/dagfile/bag_state.h"

#include <sys/stat.h>

#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

// A folder and a clock that stands well after every write.
struct Bag {
  TempFolder folder;
  BagState state{folder.path()};
  std::shared_ptr<const DagBagSnapshot> last = std::make_shared<DagBagSnapshot>();
  Duration ahead = std::chrono::seconds(10);

  BagState::Update scan() {
    auto update = state.scan(read_clock().wall + ahead);
    if (update.snapshot) last = update.snapshot;
    return update;
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> out;
    for (const auto& [id, dag] : last->dags) out.push_back(id);
    return out;
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("JSON files of the folder and its subfolders are DAGs, nothing else is") {
  Bag bag;
  bag.folder.write("a.json", small_dag("a"));
  bag.folder.write("team/b.json", small_dag("b"));
  bag.folder.write("notes.txt", "x");
  bag.folder.write("dag.schema.json", "{}");
  bag.folder.write(".hidden.json", "{");
  bag.folder.write(".git/c.json", small_dag("c"));
  CHECK(bag.scan().changed.size() == 2);
  CHECK(bag.ids() == Names{"a", "b"});
  CHECK(bag.last->dags.at("b")->file == "team/b.json");
  CHECK(bag.last->import_errors.empty());
  CHECK_FALSE(bag.scan().snapshot);
}

TEST_CASE("an edited file brings the new version, a removed one takes its DAG") {
  Bag bag;
  bag.folder.write("a.json", small_dag("a"));
  bag.scan();
  const auto before = bag.last->dags.at("a")->version;
  bag.folder.write("a.json", small_dag("a", "other"));
  CHECK(bag.scan().changed.size() == 1);
  CHECK(bag.last->dags.at("a")->version != before);
  fs::remove(bag.folder.path() / "a.json");
  CHECK(bag.scan().gone == Names{"a"});
  CHECK(bag.ids().empty());
}

TEST_CASE("a broken file keeps its last good version and disturbs nobody") {
  Bag bag;
  bag.folder.write("a.json", small_dag("a"));
  bag.folder.write("b.json", small_dag("b"));
  bag.scan();
  bag.folder.write("a.json", R"({"dag_id":"a","tasks":[{"task_id":"a","type":"emty"}]})");
  const auto update = bag.scan();
  CHECK(update.changed.empty());
  CHECK(update.gone.empty());
  CHECK(bag.ids() == Names{"a", "b"});
  REQUIRE(bag.last->import_errors.size() == 1);
  const auto error = bag.last->import_errors[0];
  CHECK(error.file == "a.json");
  CHECK(error.message.find("a.json:1:") == 0);
  CHECK(error.message.find("did you mean \"empty\"?") != std::string::npos);
  bag.folder.write("c.json", small_dag("c"));
  bag.scan();
  CHECK(bag.last->import_errors[0].id == error.id);
  CHECK(bag.last->import_errors[0].timestamp == error.timestamp);
  bag.folder.write("a.json", small_dag("a", "mended"));
  bag.scan();
  CHECK(bag.last->import_errors.empty());
}

TEST_CASE("a half-written file waits, and is an error only when nobody goes on writing") {
  Bag bag;
  bag.ahead = Duration::zero();
  bag.folder.write("a.json", "{\"dag_id\":");
  const auto early = bag.scan();
  CHECK(early.look_again);
  CHECK(bag.last->import_errors.empty());
  bag.ahead = std::chrono::milliseconds(500);
  bag.scan();
  CHECK(bag.last->import_errors.size() == 1);
}

TEST_CASE("two files with one dag_id: the first path wins, the other is told") {
  Bag bag;
  bag.folder.write("b.json", small_dag("x", "second"));
  bag.folder.write("a.json", small_dag("x", "first"));
  bag.scan();
  CHECK(bag.last->dags.at("x")->tasks[0].id == "first");
  REQUIRE(bag.last->import_errors.size() == 1);
  CHECK(bag.last->import_errors[0].file == "b.json");
  CHECK(bag.last->import_errors[0].message.find("already defined in a.json") != std::string::npos);
  fs::remove(bag.folder.path() / "a.json");
  const auto update = bag.scan();
  CHECK(update.gone.empty());
  CHECK(bag.last->dags.at("x")->tasks[0].id == "second");
}

TEST_CASE("a new file never takes over a DAG that another file holds, whatever its name") {
  Bag bag;
  bag.folder.write("m.json", small_dag("etl"));
  bag.scan();
  const auto held = bag.last->dags.at("etl");
  bag.folder.write("a.json", small_dag("etl", "other"));
  CHECK(bag.scan().changed.empty());
  CHECK(bag.last->dags.at("etl") == held);
  REQUIRE(bag.last->import_errors.size() == 1);
  CHECK(bag.last->import_errors[0].file == "a.json");
  bag.folder.write("m.json", "{ broken");  // what holds it is broken for a while
  bag.scan();
  CHECK(bag.last->dags.at("etl") == held);
  fs::remove(bag.folder.path() / "m.json");
  CHECK(bag.scan().changed.size() == 1);
  CHECK(bag.last->dags.at("etl")->file == "a.json");
  CHECK(bag.last->import_errors.empty());
}

TEST_CASE("who held a DAG before a restart holds it after") {
  Bag before;
  before.folder.write("m.json", small_dag("etl"));
  before.scan();
  Bag after;
  after.folder.write("a.json", small_dag("etl", "other"));
  after.folder.write("m.json", small_dag("etl"));
  after.state.set_known({before.last->dags.at("etl")});
  after.scan();
  CHECK(after.last->dags.at("etl")->file == "m.json");
  CHECK(after.last->import_errors.at(0).file == "a.json");
}

TEST_CASE("links that leave the folder are refused, others are followed") {
  Bag bag;
  TempFolder outside;
  outside.write("secret.json", small_dag("secret"));
  fs::create_symlink(outside.path() / "secret.json", bag.folder.path() / "leak.json");
  fs::create_symlink("../../../../../../../../etc/passwd", bag.folder.path() / "passwd.json");
  fs::create_directory_symlink(outside.path(), bag.folder.path() / "linked");
  bag.folder.write("team/real.json", small_dag("real"));
  fs::create_symlink("team/real.json", bag.folder.path() / "near.json");
  bag.scan();
  CHECK(bag.ids() == Names{"real"});
  Names refused;
  for (const auto& error : bag.last->import_errors) {
    if (error.message.find("leaves the DAG folder") != std::string::npos)
      refused.push_back(error.file);
  }
  CHECK(refused == Names{"leak.json", "passwd.json"});
}

TEST_CASE("a pipe named .json does not hang the reader, a large file does not fill memory") {
  Bag bag;
  REQUIRE(::mkfifo((bag.folder.path() / "pipe.json").c_str(), 0600) == 0);
  bag.folder.write("large.json", std::string(5 << 20, ' '));
  bag.scan();
  REQUIRE(bag.last->import_errors.size() == 2);
  CHECK(bag.last->import_errors[0].message.find("larger than 4096 KiB") != std::string::npos);
  CHECK(bag.last->import_errors[1].message.find("not a regular file") != std::string::npos);
}

TEST_CASE("a changed file that a DAG names brings a new version") {
  Bag bag;
  bag.folder.write("q.sql", "SELECT 1");
  bag.folder.write("a.json",
                   R"({"dag_id":"a","tasks":[{"task_id":"t","type":"aggregate","source":"s",
    "layer":"gold","params":{"sql":{"$file":"q.sql"}}}]})");
  bag.scan();
  const auto before = bag.last->dags.at("a")->version;
  bag.folder.write("q.sql", "SELECT 2");
  CHECK(bag.scan().changed.size() == 1);
  CHECK(bag.last->dags.at("a")->version != before);
}

TEST_CASE("a new catalogue judges every DAG again") {
  Bag bag;
  bag.folder.write("a.json", R"({"dag_id":"a","tasks":[{"task_id":"t","type":"extract",
    "source":"financial","layer":"bronze","params":{"tickrs":[]}}]})");
  bag.scan();
  CHECK(bag.ids() == Names{"a"});
  REQUIRE(bag.last->warnings.size() == 1);
  CHECK(bag.last->warnings[0].kind == "unknown plugin");
  bag.state.set_catalogue(test_catalogue());
  bag.scan();
  REQUIRE(bag.last->import_errors.size() == 1);
  CHECK(bag.last->import_errors[0].message.find("no parameter \"tickrs\"") != std::string::npos);
}

TEST_CASE("a pool that is missing or too small is warned of") {
  Bag bag;
  bag.folder.write("a.json", R"({"dag_id":"a","tasks":[
    {"task_id":"t","type":"empty","pool":"smal"},{"task_id":"u","type":"empty","pool":"small","pool_slots":3}]})");
  bag.scan();
  CHECK(bag.last->warnings.empty());
  bag.state.set_pools({{"small", 2}, {"default_pool", 128}});
  bag.scan();
  REQUIRE(bag.last->warnings.size() == 2);
  CHECK(bag.last->warnings[0].kind == "non-existent pool");
  CHECK(bag.last->warnings[0].message.find("did you mean \"small\"?") != std::string::npos);
  CHECK(bag.last->warnings[1].kind == "pool too small");
}

TEST_CASE(
    "what an earlier life knew stands for a file that is broken now, and goes with its file") {
  Bag before;
  before.folder.write("a.json", small_dag("a"));
  before.folder.write("b.json", small_dag("b"));
  before.scan();
  Bag bag;
  bag.folder.write("a.json", "{");
  bag.state.set_known({before.last->dags.at("a"), before.last->dags.at("b")});
  const auto update = bag.scan();
  CHECK(update.gone == Names{"b"});
  CHECK(bag.ids() == Names{"a"});
  CHECK(bag.last->import_errors.size() == 1);
  CHECK_FALSE(bag.last->parsed_at.contains("a"));
  bag.folder.write("a.json", small_dag("a"));
  CHECK(bag.scan().changed.size() == 1);
  CHECK(bag.last->import_errors.empty());
  CHECK(bag.last->parsed_at.contains("a"));
}

TEST_CASE("what an earlier life knew stays while the folder is away") {
  Bag before;
  before.folder.write("a.json", small_dag("a"));
  before.scan();
  BagState state("/nonexistent/dags");
  state.set_known({before.last->dags.at("a")});
  const auto update = state.scan(read_clock().wall);
  REQUIRE(update.snapshot);
  CHECK(update.snapshot->dags.contains("a"));
  CHECK(update.gone.empty());
}

TEST_CASE("a folder that is away for a moment does not take its DAGs with it") {
  Bag bag;
  bag.folder.write("a.json", small_dag("a"));
  bag.scan();
  const auto away = bag.folder.path().string() + ".away";
  fs::rename(bag.folder.path(), away);
  const auto update = bag.scan();
  CHECK(update.gone.empty());
  CHECK(update.look_again);
  CHECK(bag.last->import_errors.size() == 1);
  fs::rename(away, bag.folder.path());
  bag.scan();
  CHECK(bag.ids() == Names{"a"});
  CHECK(bag.last->import_errors.empty());
}

}  // namespace batuta
