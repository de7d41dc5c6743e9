#include "scheduler/cli/model_folder.h"

#include <algorithm>

#include "common/suggest.h"
#include "scheduler/cli/commands.h"
#include "scheduler/dagfile/folder.h"

namespace batuta::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_model = 1u << 20;
constexpr std::size_t most_model_files = 2000;

[[noreturn]] void refuse_folder(const std::string& why, int code = 1) {
  throw Failure(why, code);
}

// What the second file names beside the first: where the model runs there, it is behind these, too.
Status add_names_of_spark(const std::string& folder, ModelFile& model) {
  if (model.spark_path.empty()) return success();
  const auto text = read_below(folder, model.spark_path, largest_model);
  if (!text)
    return {Errc::invalid,
            model.path + ": its spark_sql " + model.spark_path + ": " + text.error().message};
  for (std::string& name : tables_named(*text)) model.names.push_back(std::move(name));
  std::sort(model.names.begin(), model.names.end());
  model.names.erase(std::unique(model.names.begin(), model.names.end()), model.names.end());
  return success();
}

}  // namespace

std::vector<std::string> files_below(const fs::path& folder, const std::string& ending) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) refuse_folder("there is no folder " + folder.string(), 2);
  std::vector<std::string> found;
  for (auto at = fs::recursive_directory_iterator(folder, failed);
       !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    const std::string path = at->path().lexically_relative(folder).generic_string();
    if (at->path().filename().string().front() == '.') {
      at.disable_recursion_pending();
    } else if (at->is_regular_file() && path.ends_with(ending)) {
      found.push_back(path);
      if (found.size() > most_model_files)
        refuse_folder(
            folder.string() + " holds more than " + std::to_string(most_model_files) + " files", 2);
    }
  }
  if (failed) refuse_folder(folder.string() + ": " + failed.message());
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<ModelFile> models_in(const std::string& folder, std::vector<std::string>* problems) {
  std::vector<ModelFile> models;
  for (const std::string& path : files_below(folder, ".sql")) {
    if (path.ends_with(spark_ending)) continue;  // of the model that names it
    const auto text = read_below(folder, path, largest_model);
    auto model =
        text ? read_model(path, *text)
             : Result<ModelFile>(Error{text.error().code, path + ": " + text.error().message, {}});
    if (const Status known = model ? add_names_of_spark(folder, *model) : success(); !known)
      model = known.error();
    if (model) {
      models.push_back(*std::move(model));
    } else if (problems != nullptr) {
      problems->push_back(model.error().message);
    } else {
      refuse_folder(model.error().message);
    }
  }
  return models;
}

const ModelFile& model_named(const std::vector<ModelFile>& models, const std::string& name) {
  std::vector<std::string> names;
  for (const ModelFile& model : models) {
    if (model.table == name || model.path == name) return model;
    names.push_back(model.table);
  }
  refuse_folder("there is no model \"" + name + "\"" + did_you_mean(name, names));
}

ModelPlace place_of_models(const std::string& given, const std::string& dags) {
  const fs::path folder = fs::absolute(given).lexically_normal();
  ModelPlace place{folder.filename().empty() ? folder.parent_path() : folder, {}, {}};
  const fs::path beside = place.models.parent_path() / "dags";
  const bool of_bundle = place.models.filename() == "models" && fs::is_directory(beside);
  place.dags = !dags.empty() ? fs::absolute(dags).lexically_normal()
               : of_bundle   ? beside
                             : place.models.parent_path();
  if (place.dags.filename().empty()) place.dags = place.dags.parent_path();
  if (place.models == place.dags.parent_path() / "models") {
    place.prefix = "models/";
    return place;
  }
  const std::string below = place.models.lexically_relative(place.dags).generic_string();
  if (below.empty() || below.starts_with(".."))
    refuse_folder(
        "the models must lie below the DAG folder " + place.dags.string() +
            ", or in the folder models beside it, for the DAG names their files: say --dags",
        2);
  place.prefix = below == "." ? "" : below + "/";
  return place;
}

}  // namespace batuta::cli
