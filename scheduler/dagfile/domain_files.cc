#include "scheduler/dagfile/domain_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "common/fd.h"
#include "common/safe_json.h"
#include "contract/draft.h"
#include "scheduler/dagfile/bundle.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/dagfile/folder.h"

namespace batuta::domains {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Of a record: the digests of a domain's files, and its roles and groups.
constexpr JsonLimits record_limits{16u << 20, 16, 1'000'000, 256u << 10};
constexpr std::size_t max_domain_file = contract::max_contract_bytes;

Error cannot_write(const fs::path& file, int error) {
  return {error == EACCES || error == EPERM || error == EROFS ? Errc::forbidden : Errc::unavailable,
          "cannot write " + file.string() + ": " + std::strerror(error),
          {}};
}

bool sync_folder(const fs::path& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd && ::fsync(fd.get()) == 0;
}

fs::path staged_name(const fs::path& file) {
  return file.parent_path() / ("." + file.filename().string() + ".new");
}

// What an apply leaves that is killed in the midst of a file of the domain's own.
bool is_half_written(const std::string& name, const std::set<std::string>& files) {
  return std::any_of(files.begin(), files.end(),
                     [&](const std::string& file) { return staged_name(file) == fs::path(name); });
}

// Whole or not at all; `lasting`: and on the disk.
Status write_domain_file(const fs::path& file, std::string_view text, bool lasting = true) {
  std::error_code failed;
  fs::create_directories(file.parent_path(), failed);
  if (failed) return cannot_write(file, failed.value());
  const fs::path staged = staged_name(file);
  {
    const UniqueFd fd(
        ::open(staged.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!fd) return cannot_write(staged, errno);
    while (!text.empty()) {
      const ssize_t n = ::write(fd.get(), text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return cannot_write(staged, errno);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    if (lasting && ::fsync(fd.get()) != 0) return cannot_write(staged, errno);
  }
  if (::rename(staged.c_str(), file.c_str()) != 0 || (lasting && !sync_folder(file.parent_path())))
    return cannot_write(file, errno);
  return success();
}

json parsed_state(const std::string& text) {
  auto state = parse_untrusted(text, record_limits);
  return state ? *std::move(state) : json::object();
}

std::string made_of(const json& record, const DomainPart& part) {
  const auto kind = record.find(part.kind);
  if (kind == record.end() || !kind->is_object() || !kind->contains(part.name)) return {};
  return json_text((*kind)[part.name]);
}

std::string before_of(const json& record, const DomainPart& part) {
  const auto before = record.find("before");
  return before == record.end() ? std::string() : made_of(*before, part);
}

// In the order in which they are taken away: first those made last.
std::vector<DomainPart> parts_of_record(const json& record) {
  std::vector<DomainPart> parts;
  for (const char* kind : {"group", "role", "file"}) {
    const auto found = record.find(kind);
    if (found == record.end() || !found->is_object()) continue;
    for (const auto& [name, state] : found->items())
      parts.push_back({kind, name, json_text(state), {}});
  }
  return parts;
}

// A name in a record that somebody wrote leads nowhere else.
bool is_below(const std::string& name) {
  const fs::path path(name);
  return !name.empty() && path.is_relative() &&
         std::none_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
}

Result<std::string> state_of_file(const DomainPlaces& places, const std::string& name) {
  if (!is_below(name)) return {Errc::internal, places.record + " names the file " + name};
  const auto text = read_below(places.bundle, name, max_domain_file);
  if (text) return json_text({{"sha256", version_of(*text)}});
  if (text.error().code == Errc::not_found) return std::string();
  // Whatever it is, it is not what was made.
  if (text.error().code == Errc::too_large) return json_text({{"sha256", "too large"}});
  return {text.error().code, name + ": " + text.error().message, {}};
}

Result<std::string> found_of(const DomainPlaces& places, const DomainPart& part, bool members,
                             const FindRight& find) {
  return part.kind == "file" ? state_of_file(places, part.name) : find(part, members);
}

void add_step(DomainPlan& plan, DomainStep step) {
  if (!step.conflict.empty()) plan.conflicts.push_back(step.conflict);
  plan.steps.push_back(std::move(step));
}

contract::ContractProblem whole_file(const std::string& file, std::string message) {
  contract::ContractProblem problem;
  problem.file = file;
  problem.message = std::move(message);
  return problem;
}

// As the server will read them, before anything is written where it looks.
std::vector<contract::ContractProblem> problems_of_dags(const Domain& domain,
                                                        const std::string& file) {
  std::vector<contract::ContractProblem> out;
  std::string pattern = (fs::temp_directory_path() / "batuta-domain-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    return {whole_file(file, "cannot make a folder in the temporary folder")};
  const fs::path folder(pattern);
  for (const DomainPart& part : domain.parts) {
    if (part.kind != "file") continue;
    if (Status kept = write_domain_file(folder / part.name, part.text, false); !kept)
      out.push_back(whole_file(file, kept.error().message));
  }
  for (const DomainPart& part : domain.parts) {
    if (!out.empty() || part.kind != "file" || !part.name.starts_with("dags/")) continue;
    const auto read = parse_dag_file(part.text, part.name, (folder / "dags").string(), {});
    for (const auto& problem : read.problems)
      out.push_back(whole_file(file, "it makes no DAG that can be read: " + problem.text()));
  }
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return out;
}

}  // namespace

Result<DomainPlaces> places_of(const std::string& home, const std::string& name) {
  if (auto fits = check_bundle_name(name); !fits)
    return {Errc::invalid, "a domain is named as a bundle: " + fits.error().message};
  const fs::path at = fs::absolute(home);
  return DomainPlaces{(at / "bundles" / name).string(),
                      (at / "domains" / (name + ".json")).string()};
}

Result<std::vector<std::string>> recorded_domains(const std::string& home, std::size_t most) {
  std::vector<std::string> names;
  std::error_code failed;
  const fs::path folder = fs::path(home) / "domains";
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    const fs::path file = at->path();
    const std::string name = file.stem().string();
    if (file.extension() == ".json" && check_bundle_name(name)) names.push_back(name);
  }
  if (failed && failed != std::errc::no_such_file_or_directory)
    return {Errc::unavailable, folder.string() + " cannot be read: " + failed.message(), {}};
  std::sort(names.begin(), names.end());
  if (names.size() > most)
    return {Errc::too_large, folder.string() + " has more than " + std::to_string(most) +
                                 " domains, which is more than there may be bundles"};
  return names;
}

Result<json> read_record(const DomainPlaces& places) {
  const fs::path file(places.record);
  const auto text =
      read_below(file.parent_path().string(), file.filename().string(), record_limits.bytes);
  if (!text) {
    if (text.error().code == Errc::not_found) return json::object();
    return {Errc::internal, places.record + ": " + text.error().message, {}};
  }
  auto record = parse_untrusted(*text, record_limits);
  if (!record || !record->is_object())
    return {Errc::internal,
            places.record + " is damaged: what was made of the domain is not known"};
  return *std::move(record);
}

DomainReading read_domain(const std::string& name, const std::string& text,
                          const std::string& schedule, const std::string& file) {
  DomainReading out;
  out.yaml = text;
  std::vector<std::string> notes;
  if (text.find("dataContractSpecification:") != std::string::npos) {
    const auto converted = contract::convert_contract(text);
    if (!converted) {
      out.problems.push_back(whole_file(file, converted.error().message));
      return out;
    }
    for (const auto& note : converted->notes)
      notes.push_back("of the Data Contract Specification: " + note);
    out.yaml = converted->yaml;
  }
  const auto read = contract::read_contract(out.yaml, file);
  out.problems = read.problems;
  if (!read.contract) return out;
  auto domain = domain_of(name, *read.contract, out.yaml, schedule);
  if (!domain) {
    out.problems.push_back(whole_file(file, domain.error().message));
    return out;
  }
  for (const auto& warning : read.warnings) domain->not_carried_out.push_back(warning.text());
  for (auto& note : notes) domain->not_carried_out.push_back(std::move(note));
  out.problems = problems_of_dags(*domain, file);
  if (out.problems.empty()) out.domain = *std::move(domain);
  return out;
}

std::size_t DomainPlan::changes() const {
  return static_cast<std::size_t>(
      std::count_if(steps.begin(), steps.end(),
                    [](const DomainStep& step) { return step.action != DomainAction::none; }));
}

Result<DomainPlan> plan_to_have(const DomainPlaces& places, const Domain& domain,
                                const json& record, const FindRight& find,
                                const FindBundle& bundle_of) {
  DomainPlan plan;
  std::set<std::pair<std::string, std::string>> wanted;
  for (const DomainPart& part : domain.parts) {
    wanted.emplace(part.kind, part.name);
    const auto is = found_of(places, part, false, find);
    if (!is) return is.error();
    add_step(plan, step_to_have(part, {*is, made_of(record, part), before_of(record, part)}));
  }
  for (const DomainPart& part : parts_of_record(record)) {
    if (wanted.contains({part.kind, part.name})) continue;
    const auto is = found_of(places, part, true, find);
    if (!is) return is.error();
    add_step(plan, step_to_remove(part, {*is, part.state, before_of(record, part)}));
  }
  for (const std::string& id : domain.dag_ids) {
    const std::string bundle = bundle_of(id);
    if (!bundle.empty() && bundle != domain.name)
      plan.conflicts.push_back("the DAG " + id + " is of the bundle " + bundle + " already");
  }
  plan.notes = domain.not_carried_out;
  return plan;
}

Result<DomainPlan> plan_to_remove(const DomainPlaces& places, const json& record,
                                  const FindRight& find) {
  DomainPlan plan;
  std::set<std::string> known;
  for (const DomainPart& part : parts_of_record(record)) {
    if (part.kind == "file") known.insert(part.name);
    const auto is = found_of(places, part, true, find);
    if (!is) return is.error();
    add_step(plan, step_to_remove(part, {*is, part.state, before_of(record, part)}));
  }
  std::error_code failed;
  for (fs::recursive_directory_iterator at(places.bundle, failed), end; !failed && at != end;
       at.increment(failed)) {
    const std::string name = at->path().lexically_relative(places.bundle).string();
    if (!at->is_directory() && !known.contains(name) && !is_half_written(name, known))
      plan.conflicts.push_back("the file " + name + " was not made by this domain");
  }
  plan.notes.push_back(
      "the rows that its tables hold in the lake, and the history of its runs, stay");
  return plan;
}

json plan_json(const std::string& name, const DomainPlan& plan) {
  json steps = json::array(), done = json::array();
  for (const DomainStep& step : plan.steps) {
    steps.push_back({{"action", to_string(step.action)},
                     {"kind", step.part.kind},
                     {"name", step.part.name},
                     {"conflict", step.conflict}});
    done.push_back({{"step", steps.back()}, {"to", step.part.state}, {"from", step.before}});
  }
  done.push_back(plan.conflicts);
  return {{"domain", name},
          {"steps", std::move(steps)},
          {"changes", plan.changes()},
          {"conflicts", plan.conflicts},
          {"not_carried_out", plan.notes},
          {"digest", version_of(json_text(done))}};
}

Status begin_apply(const DomainPlaces& places, const Domain& domain, const std::string& schedule,
                   const DomainPlan& plan, json& record) {
  if (auto sound = check_links_of_bundle(places.bundle); !sound) return sound;
  record["before"] = json::object();  // also of a first one: it is there until the apply has ended
  for (const DomainStep& step : plan.steps) {
    if (!step.before.empty())
      record["before"][step.part.kind][step.part.name] = parsed_state(step.before);
    const bool ours = step.action == DomainAction::create || step.action == DomainAction::update;
    if (ours) record[step.part.kind][step.part.name] = parsed_state(step.part.state);
  }
  record["domain"] = domain.name;
  record["dag_ids"] = domain.dag_ids;
  record["schedule"] = schedule;
  return write_domain_file(places.record, record.dump(2) + "\n");
}

Status carry_out_files(const DomainPlaces& places, const DomainPlan& plan) {
  for (const DomainStep& step : plan.steps) {
    if (step.part.kind != "file" || step.action == DomainAction::none) continue;
    const fs::path file = fs::path(places.bundle) / step.part.name;
    if (step.action != DomainAction::remove) {
      if (auto kept = write_domain_file(file, step.part.text); !kept) return kept;
      continue;
    }
    std::error_code failed;
    fs::remove(file, failed);
    if (failed)
      return {Errc::unavailable, "cannot remove " + file.string() + ": " + failed.message()};
  }
  return success();
}

Status end_apply(const DomainPlaces& places, const DomainPlan& plan, json& record) {
  for (const DomainStep& step : plan.steps) {
    if (step.action == DomainAction::remove) record[step.part.kind].erase(step.part.name);
  }
  record.erase("before");
  return write_domain_file(places.record, record.dump(2) + "\n");
}

Status remove_domain(const DomainPlaces& places, const DomainPlan& plan) {
  if (auto gone = carry_out_files(places, plan); !gone) return gone;
  std::error_code failed;
  fs::remove_all(places.bundle, failed);
  if (!failed) fs::remove(places.record, failed);
  if (failed)
    return {Errc::unavailable, "cannot remove " + places.bundle + ": " + failed.message()};
  return success();
}

}  // namespace batuta::domains
