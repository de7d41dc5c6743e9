#include "tests/store/history_fixture.h"

namespace batuta::test {

TEST_CASE_FIXTURE(HistoryFixture, "a DAG version names the bundle that its file was read from") {
  auto other = std::make_shared<Dag>(*make_dag("fraud", "f1"));
  other->file = "risk://team/fraud.json";
  Changes newer;
  newer.dag_versions = {other};
  newer.dags = {{"fraud", false, false, "f1", {}, 0}};
  commit(*store, newer);
  CHECK(history.dag_version("f1")->file == "risk://team/fraud.json");
  const auto of_bundle = [&](const char* name) {
    return history
        .dag_versions(
            {std::nullopt, {is("bundle_name", Filter::Op::any, name)}, {"bundle_name"}, {}, {}})
        .total;
  };
  CHECK(of_bundle("risk") == 1);
  CHECK(of_bundle("default") == 2);
  CHECK(of_bundle("ris") == 0);
}

}  // namespace batuta::test
