// What is done with every record of a stream, as quickly as it can be: a topic has millions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stream/stream.h"

namespace batuta::from_contract {

// Appends the record as raw has it, without a line's end: one object of JSON whose names are
// sorted. What is no text stands in base64, in "key_base64" and "value_base64".
void append_landed(std::string& out, const stream::Record& record);

// Reads records that are one flat object of JSON without making a value of them. Used from one
// thread.
class FlatReader {
 public:
  // The names that are wanted, in the order of the fields. A name that is a pointer ("/a/b") is
  // found by nothing here, so that read() says false to every record.
  explicit FlatReader(std::vector<std::string> names);

  // The texts of the names' values, as record_text() gives them out of what
  // parse_untrusted_exact() makes of `text`; views into `text`, none for null and for what is not
  // there. False: this is not for certain a record that the two would take and say the same of,
  // because it is broken, has nested values, escapes, very many names, or numbers in a spelling
  // that is not theirs. It is theirs to read then, or to say what is wrong with.
  bool read(std::string_view text, std::vector<std::optional<std::string_view>>& fields);

 private:
  using Member = std::pair<std::string_view, std::optional<std::string_view>>;
  bool add(Member member);

  std::vector<std::string> names_;
  bool plain_ = true;
  std::vector<Member> members_;
  std::vector<std::size_t> places_;  // where each name stood in the record before
};

}  // namespace batuta::from_contract
