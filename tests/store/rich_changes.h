// One of everything that a store gives back.
#pragma once

#include <utility>

#include "tests/store/describe.h"
#include "tests/store/store_fixture.h"

namespace batuta::test {

inline AcceptedRow make_accepted(const AttemptKey& key) {
  AcceptedRow a;
  a.again = true;
  a.assets = {{{"s3://b", "b", "raw", R"({"owner":"é"})"}, "all", R"({"rows":1})", "2026-03"}};
  Finished& f = a.report;
  f.key = key;
  f.reason = "done";
  f.exit_code = 1;
  f.signal = 2;
  f.peak_rss_kib = 3;
  f.started = at(4);
  f.ended = at(5);
  f.slot = "slot-9";
  f.plugin_sha256 = "fff";
  f.result_json = "{\"records\":3}";
  f.files_json = "[\"a.parquet\"]";
  f.watermark_us = 123456;
  f.records = 3;
  f.has_branch = true;
  f.branch = {"task_1", "task_2"};
  return a;
}

// One of everything that load() gives back.
inline Changes rich_changes() {
  RunRow run = make_full_run(1);
  Changes c = new_run(run);
  c.dags[0].cursor = at(99);
  c.dags[0].consecutive_failures = 2;
  c.tasks_created[1] = make_full_task(1, 1);
  c.pools = {{"default_pool", 128, "all"}, {"small", -1, ""}};
  const AttemptKey key{RunSeq{1}, 1, unmapped, 5};
  c.tables = {{"silver/quotes", 4, 2}};
  c.publications = {make_publication(3, key)};
  c.accepted = {make_accepted(key)};
  c.watermarks = {{"etl", "task_1", at(50)}};
  c.waits = {{RunSeq{1},
              1,
              MapIndex{2},
              WaitKind::check,
              at(51),
              at(52),
              at(53),
              true,
              "a file",
              RunSeq{7},
              "other",
              at(54),
              "load",
              3,
              5,
              R"({"file":"/x"})",
              Duration(60),
              true,
              Duration(600),
              Resume::timed_out,
              OnTimeout::fail,
              true,
              R"({"page":3})",
              "hub",
              R"({"run":1})",
              "timed out"}};
  c.backfills = {make_full_backfill(5, "v1")};
  c.backfill_ticks = {{5, 1, at(2), TickOutcome::in_flight, RunSeq{1}}};
  OutboxRow publish;
  publish.id = 3;
  publish.key = "silver/quotes";
  publish.publication = 3;
  publish.payload_json = "{}";
  publish.created_at = at(6);
  c.outbox = {publish};
  return c;
}

}  // namespace batuta::test
