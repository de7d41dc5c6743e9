// A lake in which SQL models run through the plugin's real C table, and what they hand in is
// published as the scheduler would.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"

namespace batuta {

class Models {
 public:
  lakelog::TempLake lake;
  std::string plugin = "sql_model";  // that attempts run
  // Of a branch of the lake, that attempts, rows and versions are on from now on; empty: none.
  std::string branch;
  int map_index = -1;                // of the attempts to come
  int engine_threads = 0;            // likewise; 0: as the engine has them by itself
  int returned = -1;                 // of the last attempt
  std::unique_ptr<FakeHost> host;    // of the last attempt
  std::vector<std::string> outputs;  // all that was handed in, oldest first

  // One attempt; nothing of it is published.
  const FakeHost& attempt(const std::string& execution, nlohmann::json task);
  // An attempt that must succeed, published; what it returned.
  nlohmann::json run(const std::string& execution, nlohmann::json task);
  // One that must fail for good; why.
  std::string refusal(nlohmann::json task);
  // The table becomes what the SELECT gives, as a run of its own.
  void put(const std::string& table, const std::string& select,
           const std::vector<std::string>& partition_by = {});
  // The same, as if `execution` had written it.
  void put_by(const std::string& execution, const std::string& table, const std::string& select);
  // A version that writes the files of the newest anew, without a change of data, and one that only
  // says what was done.
  void maintain(const std::string& table) const;
  // A version as `batuta lake erase` makes it of bronze: the files of the newest, without a change
  // of data.
  void erase(const std::string& table) const;
  void publish();  // what the last attempt handed in

  std::int64_t version(const std::string& table) const;
  // Rows of `sql` over the view t of the table, cells joined by '|'.
  std::vector<std::string> rows(const std::string& table, const std::string& sql);
  bool said(const std::string& words) const;

 private:
  std::int64_t publications_ = 0;
  std::int64_t loads_ = 0;
};

}  // namespace batuta
