#include "common/result.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/dag_parser.h"
#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {

void dag_file(std::string_view bytes) {
  const DagFileResult result = parse_dag_file(bytes, "fuzz.json", "/nowhere", {});
  // Either a DAG or at least one problem that says where; a DAG is what its stored text says.
  BATUTA_CHECK((result.dag != nullptr) == result.problems.empty(), "a DAG or a problem");
  for (const DagFileProblem& problem : result.problems) {
    BATUTA_CHECK(!problem.message.empty(), "a problem says what is wrong");
  }
  if (!result.dag) return;
  const auto again = dag_from_canonical(result.dag->version, result.dag->canonical_json);
  BATUTA_CHECK(again != nullptr, "the canonical text is a DAG");
  BATUTA_CHECK(again->tasks.size() == result.dag->tasks.size(), "with the same tasks");
  BATUTA_CHECK(again->canonical_json == result.dag->canonical_json, "and the same text");
}

}  // namespace batuta::fuzz
