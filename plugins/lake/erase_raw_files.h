// The raw files of an erasure: each is read whole, and put anew without the person's records.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "plugins/lake/erase.h"
#include "plugins/lake/erase_raw.h"
#include "plugins/lake/erase_report.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

// What could not be reached, and why; the same twice is told once.
using Miss = std::function<void(const std::string& what, const std::string& why)>;

// {table: form} of a JSON object {table: {delimiter, quote, encoding}}, or of nothing. Throws
// plugin::FinalError for anything else.
std::map<std::string, CsvForm> csv_forms(const std::string& given_json);

struct RawFolder {
  std::string prefix, table;  // "raw/shop/orders/", "raw/shop/orders"
};
// Of tables' raw files; `root`: of those below it, "" or a branch's own folder with a '/' at its
// end, which only the prefixes have. Throws plugin::RetryableError when the storage says no.
std::vector<RawFolder> raw_folders_below(const lakelog::Storage& storage, const std::string& root);

class RawFiles {
 public:
  // All of them outlive this. `apply` false: files are only counted. `miss` is told what stays as
  // it is, `undone` what is still to be done, by another call or by hand.
  RawFiles(plugin::Context& context, Session& session, const Lake& lake, EraseRecord& record,
           bool apply, Miss miss, Miss undone);

  // Everything below the prefix, "raw/shop/orders/". Throws plugin::RetryableError when the storage
  // says no.
  void below(const std::string& prefix, const std::vector<ErasedKey>& keys, const CsvForm& csv) {
    csv_ = csv;
    below(prefix, keys, 0);
  }
  // Files that rows of the person came from, as bronze tells: one in which nothing was found is
  // missed.
  void check(const std::set<std::string>& told);
  // {file: records}, under this operation.
  const std::map<std::string, std::int64_t>& found() const {
    return apply_ ? record_.raw() : plan_;
  }

 private:
  void below(const std::string& prefix, const std::vector<ErasedKey>& keys, int depth);
  void one(const lakelog::ObjectInfo& object, const std::vector<ErasedKey>& keys);
  void request(const std::string& key, const std::string& text, const std::vector<ErasedKey>& keys);
  void parquet(const lakelog::ObjectInfo& object, const std::vector<ErasedKey>& keys);
  void put(const std::string& key, const std::string& rest, std::int64_t records);

  plugin::Context& context_;
  Session& session_;
  const Lake& lake_;
  const std::shared_ptr<lakelog::Storage> storage_;
  EraseRecord& record_;
  const bool apply_;
  const Miss miss_, undone_;
  CsvForm csv_{};
  std::map<std::string, std::int64_t> plan_;
};

}  // namespace batuta::lake
