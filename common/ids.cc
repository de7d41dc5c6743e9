#include "common/ids.h"

#include <algorithm>

namespace batuta {
namespace {

bool letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool made_of(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return letter_or_digit(c) || extra.find(c) != std::string_view::npos;
  });
}

}  // namespace

bool valid_id(std::string_view id) {
  return !id.empty() && id.size() <= 128 && letter_or_digit(id.front()) && made_of(id, "_.-") &&
         id.find("..") == std::string_view::npos && id.back() != '.';
}

bool valid_run_id(std::string_view id) {
  return !id.empty() && id.size() <= 250 && made_of(id, "_.~:+-") &&
         id.find("..") == std::string_view::npos && id != ".";
}

std::string task_log_name(TaskIndex task, MapIndex map_index, std::int32_t try_number) {
  std::string name = std::to_string(task);
  if (map_index != unmapped) name += "." + std::to_string(number_of(map_index));
  return name + "-" + std::to_string(try_number) + ".log";
}

bool valid_user_name(std::string_view name) {
  constexpr std::size_t longest = 32;  // of a login
  return !name.empty() && name.size() <= longest && name != "root" && made_of(name, "_.-") &&
         (name.front() == '_' || letter_or_digit(name.front())) &&
         !(name.front() >= '0' && name.front() <= '9');
}

}  // namespace batuta
