// A folder of its own for every test, and a DAG to put into it.
#pragma once

#include <memory>
#include <string>

#include "scheduler/core/dag.h"

namespace batuta {

class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(const std::string& relative = {}) const;
  // Makes the folders on the way.
  void write(const std::string& relative, const std::string& text) const;

 private:
  std::string path_;
};

// As the DAG folder would give it; fails the test when the text is no DAG.
std::shared_ptr<const Dag> dag_from(const std::string& text);

}  // namespace batuta
