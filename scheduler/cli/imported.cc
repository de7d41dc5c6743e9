#include "scheduler/cli/imported.h"

#include <algorithm>
#include <cctype>

#include "scheduler/dagfile/dag_parser.h"

namespace batuta::cli {

std::string id_of(std::string_view text, std::string_view fallback) {
  constexpr std::size_t longest = 100;  // leaves room for a prefix and a number
  std::string id;
  for (const char c : text.substr(0, longest)) {
    const bool fits = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
    if (fits) {
      id += c;
    } else if (!id.empty() && id.back() != '_') {
      id += '_';
    }
  }
  while (!id.empty() && (id.back() == '_' || id.back() == '-')) id.pop_back();
  const auto begin = id.find_first_not_of("_-");
  id.erase(0, std::min(begin, id.size()));
  return id.empty() ? std::string(fallback) : id;
}

std::string free_id(const std::string& id, const std::vector<std::string>& taken) {
  std::string name = id;
  for (int i = 2; std::find(taken.begin(), taken.end(), name) != taken.end(); ++i) {
    name = id + "_" + std::to_string(i);
  }
  return name;
}

bool exported_by_command(std::string_view name) {
  for (const std::string_view prefix :
       {"BASH", "BATUTA_", "GCONV", "GLIBC", "IFS", "LD_", "MALLOC", "NODE_", "OPENSSL", "PATH",
        "PERL", "PROMPT", "PS4", "PYTHON", "RUBY", "SHELLOPTS", "ENV", "GEM_", "JAVA_TOOL"}) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

std::string without_braces(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto two = text.substr(i, 2);
    if (two != "{{" && two != "{%") {
      out += text[i];
      continue;
    }
    out += "{{ '" + std::string(two) + "' | raw }}";
    ++i;
  }
  return out;
}

void check_imported(Imported& imported) {
  for (const ImportedDag& dag : imported.dags) {
    const auto read = parse_dag_file(dag.text, dag.dag_id + ".json", ".", {});
    for (const DagFileProblem& problem : read.problems) {
      imported.notes.push_back(dag.dag_id + ".json: not taken as it is: " + problem.pointer + ": " +
                               problem.message);
    }
  }
}

}  // namespace batuta::cli
