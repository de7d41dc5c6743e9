// Files of Avro that another program wrote (fastavro), read as lines of JSON.
#include "plugins/contract/avro_file.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "plugins/sdk/plugin.h"
#include "tests/lakelog/lake_fixture.h"

using namespace batuta;
using namespace batuta::from_contract;

namespace {

std::string bytes_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

std::string avro_fixture(const std::string& name) {
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  return std::string(source == nullptr ? "." : source) + "/tests/fixtures/avro/" + name;
}

class AvroFolder {
 public:
  AvroFolder() {
    char name[] = "/tmp/batuta-avro-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~AvroFolder() { std::filesystem::remove_all(path_); }
  AvroFolder(const AvroFolder&) = delete;

  std::string lines_of(const std::string& file) const {
    const std::string lines = path_ + "/lines";
    rows = avro_to_json_lines(file, "s3://lake/in/events.avro", lines, [] {});
    return bytes_of(lines);
  }
  // Why the bytes cannot be read.
  std::string refused(const std::string& bytes) const {
    const std::string file = path_ + "/file.avro";
    std::ofstream(file, std::ios::binary) << bytes;
    try {
      lines_of(file);
    } catch (const plugin::FinalError& error) {
      return error.what();
    }
    return {};
  }
  mutable std::int64_t rows = 0;

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("avro: a file of Event Hubs Capture gives its events, their bodies as what they hold") {
  const AvroFolder folder;
  CHECK(is_avro_file(avro_fixture("capture.avro")));
  std::istringstream lines(folder.lines_of(avro_fixture("capture.avro")));
  CHECK(folder.rows == 4);
  std::string line;
  REQUIRE(std::getline(lines, line));
  CHECK(line == R"({"SequenceNumber":0,"Offset":"0","EnqueuedTimeUtc":"3/1/2026 10:00:00 AM",)"
                R"("SystemProperties":{"x-opt-enqueued-time":1772359200000},)"
                R"("Properties":{"ratio":0.5,"who":"lo\"ja","none":null},)"
                R"("Body":{"order": 1, "client": "ana"}})");
  for (const char* body : {R"("Body":"não"})", R"("Body":"/wAB"})", R"("Body":null})"}) {
    REQUIRE(std::getline(lines, line));
    CHECK(line.ends_with(body));
  }
}

TEST_CASE("avro: every type, and one that holds itself") {
  const AvroFolder folder;
  const std::string inner =
      R"("b":true,"i":-7,"f":0.25,"d":1e+300,"e":"sell","a":["buy","sell"],"x":"abc",)"
      R"("n":null,"when":1772359200123})";
  CHECK(folder.lines_of(avro_fixture("types.avro")) ==
        R"({"b":false,"i":2147483647,"f":0.25,"d":1e+300,"e":"sell","a":["buy","sell"],"x":"abc",)"
        R"("n":{)" +
            inner + R"(,"when":1772359200123})" + "\n");
}

TEST_CASE("avro: the columns that have numbers and flags alone are told with their types") {
  using Columns = std::vector<std::pair<std::string, std::string>>;
  CHECK(
      avro_columns(avro_fixture("types.avro"), "x") ==
      Columns{
          {"b", "BOOLEAN"}, {"i", "BIGINT"}, {"f", "FLOAT"}, {"d", "DOUBLE"}, {"when", "BIGINT"}});
  CHECK(avro_columns(avro_fixture("capture.avro"), "x") == Columns{{"SequenceNumber", "BIGINT"}});
}

TEST_CASE(
    "avro: what is cut off, changed or compressed otherwise is refused, and takes no memory") {
  const AvroFolder folder;
  const std::string whole = bytes_of(avro_fixture("capture.avro"));
  // By the name that the source has, not by that of a copy of it.
  CHECK(folder.refused(whole.substr(0, 40))
            .starts_with("s3://lake/in/events.avro cannot be read as Avro"));
  REQUIRE(whole.size() > 600);
  CHECK(folder.refused("PAR1").find("it is no Avro file") != std::string::npos);
  CHECK(folder.refused(whole.substr(0, whole.size() - 1)).find("cut off") != std::string::npos);
  std::string other = whole;
  other.back() = 'x';
  CHECK(folder.refused(other).find("does not end where it says") != std::string::npos);
  other = whole;
  other.replace(other.find("deflate"), 7, "snappy!");
  CHECK(folder.refused(other).find("null and deflate are read here") != std::string::npos);
  // Whatever is changed, it is read or refused.
  for (std::size_t at = 4; at < whole.size(); ++at) {
    for (const char to : {'\0', '\x7f', '\xff'}) {
      other = whole;
      other[at] = to;
      CHECK_NOTHROW(folder.refused(other));
    }
  }
}

TEST_CASE("avro: records that have no bytes, and a header without end, are refused at once") {
  const AvroFolder folder;
  const std::string begin("Obj\x01", 4);
  const std::string schema =
                        "\x02\x16"
                        "avro.schema"
                        "\x0c"
                        "\"null\"",
                    sync(16, 's');
  const std::string end(1, '\0');
  // 2^62 - 1 records of the type null in a block of one byte, which none of them takes.
  const std::string most = "\xfe\xff\xff\xff\xff\xff\xff\xff\x7f";
  CHECK(folder.refused(begin + schema + end + sync + most + "\x02x" + sync)
            .find("fewer records than it says") != std::string::npos);
  // As many fields as there may be, in blocks of one.
  std::string fields;
  for (int i = 0; i < 1000; ++i) fields += schema;
  CHECK(folder.refused(begin + fields + end + sync).empty());
  CHECK(folder.refused(begin + fields + schema + end + sync).find("1,000 fields") !=
        std::string::npos);
  // The least number there is has no opposite.
  const std::string least = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  CHECK(folder.refused(begin + least).find("1,000 fields") != std::string::npos);
}
