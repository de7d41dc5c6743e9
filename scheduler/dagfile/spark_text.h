// A SELECT in Spark's dialect, made ready for spark.sql(): templates become named parameters, and
// tables of the lake the views that the program makes of their files. Only what literals, quoted
// names and comments are is understood here; the rest is Spark's.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"

namespace batuta {

struct SparkText {
  std::string text;
  std::vector<std::pair<std::string, std::string>> parameters;  // "template_1", "{{ … }}"
  std::map<std::string, std::string> views;  // "silver_shop_orders": "silver/shop/orders"
  std::string first_word;                    // in lower case
};

// A table is silver.shop.orders, with a layer of the lake first, or `silver/shop/orders`. What
// stands behind that (a column) stays. Errc::invalid for a literal or comment that does not end, a
// template in one, {% … %}, more than one statement, and none.
Result<SparkText> spark_text(std::string_view sql);

}  // namespace batuta
