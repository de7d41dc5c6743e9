#include <algorithm>

#include "contract/reader.h"

namespace batuta::contract {
namespace {

void read_stored(const CustomProperties& own, Column& column, Notes& notes) {
  const auto given = own.text("batuta.mask");
  if (!given) return;
  const auto colon = given->find(':');
  const std::string name = given->substr(0, colon);
  static const std::vector<std::pair<std::string, Mask>> names = {{"pseudonym", Mask::pseudonym},
                                                                  {"year", Mask::year},
                                                                  {"prefix", Mask::prefix},
                                                                  {"band", Mask::band},
                                                                  {"redact", Mask::redact}};
  for (const auto& [each, mask] : names)
    if (name == each) column.mask = mask;
  const bool sized = column.mask == Mask::prefix || column.mask == Mask::band;
  const std::string size = colon == given->npos ? "" : given->substr(colon + 1);
  const bool digits =
      !size.empty() && size.size() <= 12 &&
      std::all_of(size.begin(), size.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits) column.mask_size = std::stoll(size);
  const std::string& type = column.type;
  const bool instant = type == "date" || type == "timestamp";
  const bool number = !instant && type != "string" && type != "boolean";
  if (column.mask == Mask::none || sized != (colon != given->npos) ||
      (sized && column.mask_size < 1)) {
    notes.problem(own.pointer("batuta.mask"),
                  "batuta.mask is \"pseudonym\", \"year\", \"prefix:3\" (characters), "
                  "\"band:1000\" (how wide) or \"redact\"");
  } else if ((column.mask == Mask::year && !instant) || (column.mask == Mask::band && !number) ||
             (column.mask == Mask::prefix && type != "string")) {
    notes.problem(own.pointer("batuta.mask"),
                  name + " is no mask of a " + type +
                      ": year is of dates and times, prefix of texts, band of numbers");
  }
}

void read_shown(const CustomProperties& own, Column& column, Notes& notes) {
  const auto given = own.text("batuta.readMask");
  if (!given) return;
  const std::string partial = "partial:";
  const bool sized = given->starts_with(partial);
  const std::string size = sized ? given->substr(partial.size()) : "";
  const bool counts = size.size() == 1 && size[0] >= '1' && size[0] <= '9';
  if (*given != "redact" && *given != "hash" && !counts) {
    notes.problem(own.pointer("batuta.readMask"),
                  "batuta.readMask is \"redact\", \"hash\" or \"partial:4\" (the last characters "
                  "that are shown, 1 to 9)");
  } else if (sized && column.type != "string") {
    notes.problem(own.pointer("batuta.readMask"),
                  "partial is of texts, and this is a " + column.type + ": redact or hash it");
  }
  column.read_mask = *given;
}

}  // namespace

void read_masks(const CustomProperties& own, Column& column, Notes& notes) {
  read_stored(own, column, notes);
  read_shown(own, column, notes);
}

}  // namespace batuta::contract
