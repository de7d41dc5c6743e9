// What an expression stands for in one attempt. Pure over the TemplateScope.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "common/result.h"
#include "scheduler/dagfile/template.h"
#include "scheduler/dagfile/template_parse.h"

namespace batuta {

class TemplateEvaluator {
 public:
  // `scope` must outlive it.
  explicit TemplateEvaluator(const TemplateScope& scope);
  ~TemplateEvaluator();
  // Errc::not_found when a name is undefined, Errc::invalid when a filter does not fit its value.
  Result<nlohmann::json> evaluate(const TemplateExpr& expr);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Roots, calls and filters exist, with the right number of arguments; Errc::invalid with a
// suggestion otherwise.
Status check_expression(const TemplateExpr& expr);

// The task that a ti.xcom_pull(…) names, if the expression is one and names it as a literal; empty
// otherwise.
std::string xcom_task(const TemplateExpr& expr);
// The key it pulls, when that is a literal or left out; empty otherwise.
std::string xcom_key(const TemplateExpr& expr);

}  // namespace batuta
