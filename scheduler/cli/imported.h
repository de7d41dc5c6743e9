// DAG files made of what other schedulers read: a crontab, a Dagu file. Pure: text in, DAGs and a
// list of what needs a hand out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace batuta::cli {

struct ImportedDag {
  std::string dag_id;  // the file is <dag_id>.json
  std::string text;    // what stands in it
};
struct Imported {
  std::vector<ImportedDag> dags;
  std::vector<std::string> notes;  // "line 3: …": what is not as it was
};

struct CrontabOptions {
  std::string prefix;    // of DAG ids
  std::string timezone;  // that the crontab was read in; empty: UTC
  bool system = false;   // the sixth field is a user, as in /etc/crontab and /etc/cron.d
};
// Never fails: a line that cannot be read is a note. What a schedule cannot say here is told by
// check_imported().
Imported import_crontab(std::string_view text, const CrontabOptions& options);

// `name`: the file's, for a DAG without one. Errc::malformed with the line when it is no YAML.
Result<Imported> import_dagu(std::string_view text, const std::string& name);

// Adds a note for each DAG that the scheduler would refuse, with what it would say.
void check_imported(Imported& imported);

// ---- what both need

// Letters, digits, '_' and '-' of a text, others as one '_'; never empty.
std::string id_of(std::string_view text, std::string_view fallback);
// The same with a number behind it when one of `taken` has it already.
std::string free_id(const std::string& id, const std::vector<std::string>& taken);
// A variable that a task's "env" may not set, for it changes how the command starts: it is exported
// by the command itself.
bool exported_by_command(std::string_view name);
// Text in which no {{ or {% is a template.
std::string without_braces(std::string_view text);

}  // namespace batuta::cli
