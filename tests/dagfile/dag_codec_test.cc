#include "scheduler/dagfile/dag_codec.h"

#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {

TEST_CASE("a stored version comes back as the DAG it was") {
  for (const char* folder : {"tests/dagfile/good", "dags"}) {
    for (const auto& path : samples(folder)) {
      CAPTURE(path.string());
      const auto parsed = parse_dag_file(read_text(path), "f.json", path.parent_path(), {});
      REQUIRE(parsed.dag);
      const Dag& dag = *parsed.dag;
      const auto back =
          dag_from_canonical(dag.version, dag.canonical_json, dag.file, dag.source_text);
      REQUIRE(back);
      CHECK(back->version == version_of(back->canonical_json));
      CHECK(back->file == "f.json");
      CHECK(back->source_text == dag.source_text);
      CHECK(back->id == dag.id);
      CHECK(back->params_json == dag.params_json);
      CHECK(back->timezone == dag.timezone);
      CHECK(next_tick(back->schedule, Time{}) == next_tick(dag.schedule, Time{}));
      REQUIRE(back->tasks.size() == dag.tasks.size());
      for (std::size_t i = 0; i < dag.tasks.size(); ++i) {
        CHECK(back->tasks[i].spec_json == dag.tasks[i].spec_json);
        CHECK(back->tasks[i].params_json == dag.tasks[i].params_json);
        CHECK(back->tasks[i].upstream == dag.tasks[i].upstream);
        CHECK(back->tasks[i].downstream == dag.tasks[i].downstream);
        CHECK(back->tasks[i].effective_weight == dag.tasks[i].effective_weight);
        CHECK(back->tasks[i].notifiers == dag.tasks[i].notifiers);
        CHECK(back->tasks[i].overlap == dag.tasks[i].overlap);
      }
    }
  }
}

TEST_CASE("a version holds the text of the files it names") {
  TempFolder folder;
  folder.write("q.sql", "SELECT 1");
  const auto parsed = parse_dag_file(R"({"dag_id":"x","tasks":[{"task_id":"a","type":"aggregate",
      "source":"s","layer":"gold","params":{"sql":{"$file":"q.sql"}}}]})",
                                     "x.json", folder.path(), {});
  REQUIRE(parsed.dag);
  const auto back = dag_from_canonical(parsed.dag->version, parsed.dag->canonical_json);
  REQUIRE(back);
  CHECK(back->tasks[0].spec_json == parsed.dag->tasks[0].spec_json);
}

TEST_CASE("text that is no DAG yields none") {
  CHECK_FALSE(dag_from_canonical("v", "{"));
  CHECK_FALSE(dag_from_canonical("v", "{}"));
}

}  // namespace batuta
