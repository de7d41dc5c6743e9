#include "scheduler/cli/dagu_fields.h"

#include <cctype>
#include <nlohmann/json.hpp>

namespace batuta::cli {

std::string dagu_key(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c != '_') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string dagu_text(const nlohmann::ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

std::vector<std::string> dagu_texts(const nlohmann::ordered_json& value) {
  std::vector<std::string> out;
  if (value.is_array()) {
    for (const nlohmann::ordered_json& item : value) out.push_back(dagu_text(item));
  } else if (!value.is_null()) {
    out.push_back(dagu_text(value));
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> dagu_pairs(const nlohmann::ordered_json& value) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto add_text = [&](const std::string& text) {
    const auto equals = text.find('=');
    if (equals == text.npos) {
      out.emplace_back("", text);
    } else {
      out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
  };
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) out.emplace_back(key, dagu_text(item));
  } else if (value.is_array()) {
    for (const nlohmann::ordered_json& item : value) {
      if (item.is_object()) {
        const auto inner = dagu_pairs(item);
        out.insert(out.end(), inner.begin(), inner.end());
      } else {
        add_text(dagu_text(item));
      }
    }
  } else if (value.is_string()) {
    std::string word;
    char quote = 0;
    for (const char c : value.get<std::string>() + " ") {
      if (quote != 0) {
        if (c == quote)
          quote = 0;
        else
          word += c;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c != ' ') {
        word += c;
      } else if (!word.empty()) {
        add_text(word);
        word.clear();
      }
    }
  }
  return out;
}

}  // namespace batuta::cli
