// Where secrets may be kept that references name (secret_reference.h).
#pragma once

#include <string>
#include <vector>

namespace batuta {

// What may be looked up: the settings secrets.env, .folders, .programs, .vault_paths
// and .aws_names.
struct SecretSources {
  std::vector<std::string> env;                  // names
  std::vector<std::string> folders;              // absolute; files at any depth below
  std::vector<std::string> programs;             // absolute paths
  const char* of_programs = "secrets.programs";  // the setting that lists them
  std::vector<std::string> vault_paths{};        // each, and whatever lies below it
  std::vector<std::string> aws_names{};          // the same
};

}  // namespace batuta
