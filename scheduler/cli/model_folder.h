// A folder of models on the disk, and where it lies beside the DAGs. All end the command (Failure)
// with the reason where a folder or file is not what it should be.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "scheduler/cli/model_files.h"

namespace batuta::cli {

// Paths below the folder with that ending, by name; what is hidden is left out.
std::vector<std::string> files_below(const std::filesystem::path& folder,
                                     const std::string& ending);

// Every model of the folder, with the tables that its second file names; *.spark.sql are none. The
// first problem ends it, unless `problems` takes them.
std::vector<ModelFile> models_in(const std::string& folder,
                                 std::vector<std::string>* problems = nullptr);

// By its table or its path; one that is not there ends it, with what it may have been.
const ModelFile& model_named(const std::vector<ModelFile>& models, const std::string& name);

struct ModelPlace {
  std::filesystem::path models, dags;
  std::string prefix;  // how DAGs name the models' files
};

// Models lie below the DAG folder, or as those of a bundle in `models` beside it. `dags`: as it was
// given; may be empty.
ModelPlace place_of_models(const std::string& folder, const std::string& dags);

}  // namespace batuta::cli
