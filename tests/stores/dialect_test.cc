#include "stores/dialect.h"

#include <doctest/doctest.h>

#include <map>

#include "stores/xml.h"

using namespace batuta;
using namespace batuta::stores;

namespace {

Options with_key() {
  Options options;
  options.access_key = "A";
  options.secret_key = "S";
  options.region = "eu-west-1";
  return options;
}

std::string url_of(const std::string& location, const Options& options) {
  const auto dialect = s3_dialect(*parse_location(location), options);
  if (!dialect.ok()) return dialect.error().where + ": " + dialect.error().message;
  return (*dialect)->address().origin + (*dialect)->address().root;
}

std::string why_not_azure(const Options& options) {
  const auto dialect = azure_dialect(*parse_location("azblob://account/lake"), options, {});
  return dialect.ok() ? "" : dialect.error().where;
}

}  // namespace

TEST_CASE("a store's URL is taken apart, and one that is none is refused with what would do") {
  const auto azure = parse_location("azblob://account/container/a/b/");
  CHECK(azure->account == "account");
  CHECK(azure->bucket == "container");
  CHECK(azure->prefix == "a/b");
  CHECK(azure->text() == "azblob://account/container/a/b");
  CHECK(parse_location("s3://my.bucket-1")->prefix.empty());
  for (const char* bad :
       {"", "s3://", "s3:/b", "http://b/c", "s3://B", "s3://ab", "s3://bucket//a",
        "s3://bucket/../a", "azblob://account", "azblob://Account/lake", "azblob://account/a_b",
        "s3://key:word@bucket", "s3://bucket?secret=x", "s3://-bucket", "s3://a..b"}) {
    CAPTURE(bad);
    const auto location = parse_location(bad);
    REQUIRE(!location.ok());
    CHECK(location.error().code == Errc::invalid);
    CHECK(location.error().message.find("azblob://account/container/prefix") != std::string::npos);
    CHECK(location.error().message.find("word") == std::string::npos);
    CHECK(location.error().message.find("secret=x") == std::string::npos);
  }
}

TEST_CASE("a bucket is asked at its region's address, at one's own, or at Google's") {
  CHECK(url_of("s3://lake", with_key()) == "https://lake.s3.eu-west-1.amazonaws.com");
  CHECK(url_of("s3://my.lake", with_key()) == "https://s3.eu-west-1.amazonaws.com/my.lake");
  CHECK(url_of("gs://lake/p", with_key()) == "https://storage.googleapis.com/lake");
  Options own = with_key();
  own.endpoint = "https://MinIO.example:443/s3/";
  CHECK(url_of("s3://lake", own) == "https://minio.example/s3/lake");
  own.path_style = false;
  own.endpoint = "http://10.0.0.1:9000";
  CHECK(url_of("s3://lake", own).starts_with("path_style: "));
  own.endpoint = "minio:9000";
  CHECK(url_of("s3://lake", own).starts_with("endpoint: "));
  Options china = with_key();
  china.region = "cn-north-1";
  CHECK(url_of("s3://lake", china) == "https://lake.s3.cn-north-1.amazonaws.com.cn");
}

TEST_CASE("options that are missing or contradict each other are named") {
  Options options = with_key();
  options.region = "";
  CHECK(url_of("s3://lake", options).find("AWS_REGION") != std::string::npos);
  options = with_key();
  options.secret_key = "";
  CHECK(url_of("s3://lake", options).find("AWS_SECRET_ACCESS_KEY") != std::string::npos);
  options = with_key();
  options.encryption = "rot13";
  CHECK(url_of("s3://lake", options).starts_with("encryption: "));
  options.encryption = "AES256";
  options.encryption_key = "k";
  CHECK(url_of("s3://lake", options).starts_with("encryption_key: "));

  Options azure;
  CHECK(why_not_azure(azure) == "account_key");
  azure.account_key = "no base64!";
  CHECK(why_not_azure(azure) == "account_key");
  azure.account_key = "QUFB";
  CHECK(why_not_azure(azure) == "");
  azure.sas = "sig=x";
  CHECK(why_not_azure(azure) == "account_key");  // both
  azure.account_key = "";
  CHECK(why_not_azure(azure) == "");
  azure.endpoint = "http://store.example";
  CHECK(why_not_azure(azure) == "endpoint");  // a bearer's word in clear
  azure.endpoint = "";
  azure.sas = "sv=2021-12-02";
  CHECK(why_not_azure(azure) == "sas");
}

TEST_CASE("the environment's names are those of the providers' own tools") {
  const std::map<std::string, std::string> environment{
      {"AWS_ACCESS_KEY_ID", "a"},          {"AWS_SECRET_ACCESS_KEY", "b"},
      {"AWS_DEFAULT_REGION", "r"},         {"AWS_ENDPOINT_URL", "https://e"},
      {"BATUTA_STORE_PATH_STYLE", "true"}, {"AZURE_STORAGE_KEY", "k"}};
  const auto variable = [&environment](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string{} : found->second;
  };
  const auto s3 = options_from(Kind::s3, variable);
  CHECK(s3->access_key == "a");
  CHECK(s3->region == "r");
  CHECK(s3->endpoint == "https://e");
  CHECK(s3->path_style == true);
  CHECK(s3->account_key.empty());
  CHECK(options_from(Kind::azblob, variable)->account_key == "k");
  const auto bad = options_from(Kind::s3, [](const std::string&) { return std::string("maybe"); });
  REQUIRE(!bad.ok());
  CHECK(bad.error().where == "BATUTA_STORE_PATH_STYLE");
}

TEST_CASE("an answer's XML is read with its entities, and what is none is refused") {
  const auto xml = parse_xml(
      "\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x --><s:a xmlns:s='u'><b/><c k=\"1\">1 &lt; "
      "2 &amp;&#x41;&#233;</c><c>3</c></s:a>");
  REQUIRE(xml.ok());
  CHECK(xml->name == "a");
  CHECK(xml->text_of("c") == "1 < 2 &A\xc3\xa9");
  CHECK(xml->child("c")->attributes == "k=\"1\"");
  CHECK(xml->child("d") == nullptr);
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<a>";
  for (const std::string& bad :
       {std::string(), std::string("text"), std::string("<a>"), std::string("<a></b>"),
        std::string("<a></ab>"), std::string("<a>&nosuch;</a>"), std::string("<a>&#0;</a>"),
        std::string("<a"), std::string("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"), deep}) {
    CAPTURE(bad);
    CHECK(parse_xml(bad).error().code == Errc::malformed);
  }
}

TEST_CASE("Azure's list undoes names that XML could not hold, and knows the two words for there") {
  Options options;
  options.account_key = "QUFB";
  const auto azure = azure_dialect(*parse_location("azblob://account/lake"), options, {});
  const auto page = (*azure)->read_page(
      "<EnumerationResults><Blobs><Blob><Name Encoded=\"true\">a%01b</Name><Properties>"
      "<Content-Length>7</Content-Length><Last-Modified>Wed, 21 Oct 2015 07:28:00 GMT"
      "</Last-Modified></Properties></Blob></Blobs><NextMarker>m</NextMarker></"
      "EnumerationResults>");
  REQUIRE(page.ok());
  CHECK(page->objects[0].key ==
        "a\x01"
        "b");
  CHECK(page->objects[0].size == 7);
  CHECK(page->objects[0].modified_ms == 1'445'412'480'000);
  CHECK(page->next == "m");
  CHECK((*azure)->says_exists(409, "BlobAlreadyExists"));
  CHECK_FALSE((*azure)->says_exists(412, "LeaseIdMissing"));
}
