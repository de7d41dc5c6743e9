#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/uuid.h"
#include "stores/object_storage.h"
#include "tests/lakelog/storage_conformance.h"
#include "tests/stores/store_server.h"

using namespace batuta;
using namespace batuta::stores;
using namespace batuta::lakelog;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

struct StagingFolder {
  StagingFolder() {
    Uuid id;
    random_bytes(id.bytes.data(), id.bytes.size());
    path = fs::temp_directory_path() / ("batuta-staging-" + to_string(id));
  }
  ~StagingFolder() { fs::remove_all(path); }
  void write(const std::string& key, const std::string& bytes) const {
    const fs::path file = path + "/" + key;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << bytes;
  }
  std::string path;
};

Options options_for(const StoreServer& server, const StagingFolder& staging) {
  Options options;
  options.endpoint = server.endpoint();
  options.access_key = "AKIATEST";
  options.secret_key = "secret/of+the=tests";
  options.staging = staging.path;
  options.probe = false;
  return options;
}

Options azure_options(const StoreServer& server, const StagingFolder& staging) {
  Options options;
  options.endpoint = server.endpoint();
  options.account_key = "dGhlIGtleSBvZiB0aGUgYWNjb3VudA==";
  options.staging = staging.path;
  options.probe = false;
  return options;
}

Options token_options(const StoreServer& server, const StagingFolder& staging) {
  Options options = azure_options(server, staging);
  options.account_key = "";
  options.authority = server.endpoint() + "/";
  options.tenant = "tenant";
  options.client_id = "app";
  options.client_secret = "s&cret";
  return options;
}

std::unique_ptr<Storage> opened(const std::string& url, const Options& options) {
  auto storage = open_store(url, options, without_pauses());
  if (!storage.ok()) FAIL(storage.error().message);
  return std::move(*storage);
}

void check_conformance(const std::string& url, const Options& options,
                       const StagingFolder& staging) {
  const auto storage = opened(url, options);
  check_storage({*storage, [&staging](const std::string& key, const std::string& bytes) {
                   staging.write(key, bytes);
                 }});
}

}  // namespace

TEST_CASE("an S3 bucket is a storage") {
  const StagingFolder staging;
  check_conformance("s3://lake/some/prefix", options_for(fresh_server(), staging), staging);
}

TEST_CASE("a Google bucket is a storage") {
  const StagingFolder staging;
  check_conformance("gs://lake/some/prefix", options_for(fresh_server(), staging), staging);
}

TEST_CASE("an Azure container is a storage") {
  const StagingFolder staging;
  check_conformance("azblob://lakeaccount/lake", azure_options(fresh_server(), staging), staging);
}

TEST_CASE("a bucket's name may stand in the host") {
  const StagingFolder staging;
  StoreServer& server = fresh_server();
  Options options = options_for(server, staging);
  options.endpoint = "http://localhost:" + server.port();
  options.path_style = false;
  const auto storage = opened("s3://lake", options);
  REQUIRE(storage->put("a", "1").ok());
  CHECK(*storage->read("a") == "1");
  CHECK(storage->list("")->objects.size() == 1);
  CHECK(server.asked()[0]["host"] == "lake.localhost:" + server.port());
}

TEST_CASE("Azure believes a shared access signature, and a token that is asked for once") {
  const StagingFolder staging;
  StoreServer& server = fresh_server();
  Options options = azure_options(server, staging);
  options.account_key = "";
  options.sas = "?sv=2021-12-02&sp=rwdl&sig=a%2Bb%2Fc%3D";
  REQUIRE(opened("azblob://lakeaccount/lake", options)->put("a", "1").ok());

  const auto storage = opened("azblob://lakeaccount/lake", token_options(server, staging));
  CHECK(*storage->read("a") == "1");
  CHECK(*storage->read("a") == "1");
  const json asked = server.asked();
  CHECK(asked[asked.size() - 1]["headers"]["authorization"] ==
        asked[asked.size() - 2]["headers"]["authorization"]);
  server.control({{"expire_tokens", true}});
  CHECK(*storage->read("a") == "1");  // with a fresh one

  Options wrong = token_options(server, staging);
  wrong.client_secret = "guessed-secret";
  const auto refused = opened("azblob://lakeaccount/lake", wrong)->read("a");
  REQUIRE(!refused.ok());
  CHECK(refused.error().message.find("invalid_client") != std::string::npos);
  CHECK(refused.error().message.find("guessed-secret") == std::string::npos);
}

TEST_CASE("lists are read to their last page") {
  const StagingFolder staging;
  for (const char* url : {"s3://lake/p", "gs://lake/p", "azblob://lakeaccount/lake/p"}) {
    CAPTURE(url);
    StoreServer& server = fresh_server();
    server.control({{"page", 2}});
    const bool azure = std::string(url).starts_with("az");
    const auto storage =
        opened(url, azure ? azure_options(server, staging) : options_for(server, staging));
    for (const char* key : {"t/1", "t/2/a", "t/2/b", "t/2/c", "t/3", "t/4/x", "t/5", "u"})
      REQUIRE(storage->put(key, "x").ok());
    const auto all = storage->list("t/");
    REQUIRE(all.ok());
    CHECK(all->objects.size() == 3);
    CHECK(all->prefixes == std::vector<std::string>{"t/2/", "t/4/"});
    CHECK(storage->list("t/", {.start_after = "t/3"})->objects.size() == 1);
    const auto three = storage->list("t/", {.limit = 3});
    CHECK(three->objects.size() + three->prefixes.size() == 3);
  }
}

TEST_CASE("any key's bytes come back under its name") {
  const StagingFolder staging;
  const std::vector<std::string> names = {
      "day=2026-11-20/a b+c%20d", "ação/&<>\"'", "q?x=1#y", "a+b", "~tilde*(paren)!", "tab\there"};
  for (const char* url : {"s3://lake", "gs://lake/p x", "azblob://lakeaccount/lake"}) {
    CAPTURE(url);
    StoreServer& server = fresh_server();
    const bool azure = std::string(url).starts_with("az");
    const auto storage =
        opened(url, azure ? azure_options(server, staging) : options_for(server, staging));
    for (const std::string& name : names) {
      CAPTURE(name);
      REQUIRE(storage->put("n/" + name, name).ok());
      CHECK(*storage->read("n/" + name) == name);
    }
    const auto below = storage->list("n/");
    REQUIRE(below.ok());
    std::size_t seen = below->objects.size();
    for (const std::string& prefix : below->prefixes) seen += storage->list(prefix)->objects.size();
    CHECK(seen == names.size());
    for (const std::string& name : names) CHECK(storage->remove("n/" + name).ok());
    CHECK(storage->list("n/")->objects.empty());
  }
}

TEST_CASE("a store that ignores conditional puts is refused when it is opened") {
  const StagingFolder staging;
  for (const char* url : {"s3://lake/p", "gs://lake/p", "azblob://lakeaccount/lake/p"}) {
    CAPTURE(url);
    StoreServer& server = fresh_server();
    const bool azure = std::string(url).starts_with("az");
    Options options = azure ? azure_options(server, staging) : options_for(server, staging);
    options.probe = true;
    CHECK(open_store(url, options).ok());
    (void)server.asked();
    CHECK(open_store(url, options).ok());
    CHECK(server.asked().size() == 2);  // the object of the first time is looked at
    CHECK((*open_store(url, options, without_pauses()))->list("")->prefixes.empty());
    server.control({{"ignore_conditions", true}});
    const auto refused = open_store(url, options, without_pauses());
    REQUIRE(!refused.ok());
    CHECK(refused.error().code == Errc::invalid);
    CHECK(refused.error().message.find("ignores conditional puts") != std::string::npos);
  }
}

TEST_CASE("of many writers at once exactly one puts the object into a store") {
  const StagingFolder staging;
  const auto storage = opened("s3://lake", options_for(fresh_server(), staging));
  std::atomic<int> done{0};
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([&, i] {
      const auto put = storage->put_if_absent("t/1", std::string(1000, static_cast<char>('a' + i)));
      if (put.ok() && *put == Put::done) ++done;
    });
  for (auto& writer : writers) writer.join();
  CHECK(done == 1);
}

TEST_CASE("a conditional put that was carried out unheard is known for one's own") {
  const StagingFolder staging;
  for (const int status : {0, 500, 503}) {
    for (const char* url : {"s3://lake/p", "gs://lake/p", "azblob://lakeaccount/lake/p"}) {
      CAPTURE(status);
      CAPTURE(url);
      StoreServer& server = fresh_server();
      const bool azure = std::string(url).starts_with("az");
      const auto storage =
          opened(url, azure ? azure_options(server, staging) : options_for(server, staging));
      const json fault = {{"method", "PUT"}, {"status", status}, {"after", true}};
      server.control({{"faults", {fault}}});
      CHECK(*storage->put_if_absent("t/1", "mine") == Put::done);
      server.control({{"faults", {fault}}});
      CHECK(*storage->put_if_absent("t/1", "mine") ==
            Put::exists);  // the same bytes, another's put
    }
  }
}

TEST_CASE("what passes is tried again, and every kind of request may be") {
  const StagingFolder staging;
  StoreServer& server = fresh_server();
  const auto storage = opened("s3://lake", options_for(server, staging));
  json faults;
  for (const char* method : {"PUT", "GET", "HEAD", "DELETE"})
    faults.push_back({{"method", method}, {"status", 503}});
  faults.push_back({{"method", "GET"}, {"status", 0}});
  server.control({{"faults", faults}});
  REQUIRE(storage->put("a", "1").ok());
  CHECK(*storage->read("a") == "1");
  CHECK(storage->stat("a")->size == 1);
  CHECK(storage->remove("a").ok());
  CHECK(server.asked().size() == 9);
}

TEST_CASE("a staged file is put in pieces, whole, and leaves the staging folder") {
  const StagingFolder staging;
  StoreServer& server = fresh_server();
  const auto storage = opened("s3://lake", options_for(server, staging));
  std::string bytes;
  for (int i = 0; i < 200'000; ++i) bytes += std::to_string(i) + ",";
  staging.write("t/day=1/big", bytes);
  staging.write("t/day=1/empty", "");
  server.control({{"faults", {{{"method", "PUT"}, {"status", 0}}}}});  // the file is read once more
  REQUIRE(storage->sync({"t/day=1/big", "t/day=1/empty"}).ok());
  CHECK(*storage->read("t/day=1/big") == bytes);
  CHECK(storage->stat("t/day=1/empty")->size == 0);
  CHECK_FALSE(fs::exists(staging.path + "/t/day=1/big"));
  CHECK(storage->sync({"t/day=1/big"}).ok());  // as after a kill: it is there

  staging.write("t/day=1/next", "rows");
  server.control({{"faults", {{{"method", "PUT"}, {"status", 403}, {"code", "AccessDenied"}}}}});
  CHECK_FALSE(storage->sync({"t/day=1/next"}).ok());
  CHECK(fs::exists(staging.path + "/t/day=1/next"));
  CHECK(storage->sync({"t/day=1/next"}).ok());
}

TEST_CASE("a store's no says what, where, why and what to do, and no secret") {
  const StagingFolder staging;
  StoreServer& server = fresh_server();
  Options options = options_for(server, staging);
  options.secret_key = "mistyped-secret";
  const auto wrong = opened("s3://lake/p", options)->put("t/a", "1");
  REQUIRE(!wrong.ok());
  CHECK(wrong.error().code == Errc::unavailable);
  CHECK(wrong.error().message ==
        "cannot put s3://lake/p/t/a: 403 SignatureDoesNotMatch, it says SignatureDoesNotMatch; the "
        "secret key, or the region, is another's (request req-1)");
  // Nobody's bucket is no empty lake.
  const auto nowhere = opened("s3://other", options_for(server, staging));
  CHECK(nowhere->read("a").error().code == Errc::unavailable);
  CHECK(nowhere->list("").error().message.find("it must exist") != std::string::npos);
}

TEST_CASE("encryption is asked for with every put") {
  const StagingFolder staging;
  StoreServer& server = fresh_server();
  Options options = options_for(server, staging);
  options.encryption = "aws:kms";
  options.encryption_key = "arn:aws:kms:key/1";
  (void)server.asked();
  const auto storage = opened("s3://lake", options);
  REQUIRE(storage->put("a", "1").ok());
  CHECK(*storage->put_if_absent("b", "1") == Put::done);
  for (const json& request : server.asked()) {
    CHECK(request["headers"]["x-amz-server-side-encryption"] == "aws:kms");
    CHECK(request["headers"]["x-amz-server-side-encryption-aws-kms-key-id"] == "arn:aws:kms:key/1");
  }
}
