# Libraries that are not ours. Debian packages come from the system; what Debian lacks, or carries
# with a known fault, is pinned by hash. docs/dependencies.md gives the reason for each.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(doctest REQUIRED)
find_package(CLI11 REQUIRED)
set(ZLIB_USE_STATIC_LIBS ON)
find_package(ZLIB REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
# Executables take libsodium in; a plugin, being a shared object, links the shared one.
find_library(SODIUM_ARCHIVE libsodium.a REQUIRED)
add_library(SODIUM::static STATIC IMPORTED)
set_target_properties(SODIUM::static PROPERTIES IMPORTED_LOCATION ${SODIUM_ARCHIVE})
find_library(YAML_ARCHIVE libyaml.a REQUIRED)
add_library(YAML::static STATIC IMPORTED)
set_target_properties(YAML::static PROPERTIES IMPORTED_LOCATION ${YAML_ARCHIVE})
find_library(BROTLI_COMMON_ARCHIVE libbrotlicommon.a REQUIRED)
foreach(part enc dec)
  find_library(BROTLI_${part}_ARCHIVE libbrotli${part}.a REQUIRED)
endforeach()
# The decoder is for the tests alone.
add_library(BROTLI::encoder STATIC IMPORTED)
set_target_properties(BROTLI::encoder PROPERTIES
  IMPORTED_LOCATION ${BROTLI_enc_ARCHIVE} INTERFACE_LINK_LIBRARIES ${BROTLI_COMMON_ARCHIVE})
add_library(BROTLI::decoder STATIC IMPORTED)
set_target_properties(BROTLI::decoder PROPERTIES
  IMPORTED_LOCATION ${BROTLI_dec_ARCHIVE} INTERFACE_LINK_LIBRARIES ${BROTLI_COMMON_ARCHIVE})
find_library(RE2_ARCHIVE libre2.a REQUIRED)
add_library(RE2::static STATIC IMPORTED)
set_target_properties(RE2::static PROPERTIES IMPORTED_LOCATION ${RE2_ARCHIVE} INTERFACE_LINK_LIBRARIES Threads::Threads)
pkg_check_modules(CURL REQUIRED libcurl)
# libcurl is opened at run time, by the name that a linked program would carry.
pkg_get_variable(CURL_LIBDIR libcurl libdir)
find_library(CURL_FILE NAMES curl curl-gnutls HINTS ${CURL_LIBDIR} ${CURL_LIBRARY_DIRS} REQUIRED)
execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${CURL_FILE} OUTPUT_VARIABLE curl_dynamic)
string(REGEX MATCH "SONAME +([^ \n]+)" found "${curl_dynamic}")
set(CURL_SONAME ${CMAKE_MATCH_1})

# Kafka's client, opened likewise.
pkg_check_modules(RDKAFKA REQUIRED rdkafka>=2.0)
pkg_get_variable(RDKAFKA_LIBDIR rdkafka libdir)
find_library(RDKAFKA_FILE NAMES rdkafka HINTS ${RDKAFKA_LIBDIR} ${RDKAFKA_LIBRARY_DIRS} REQUIRED)
execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${RDKAFKA_FILE} OUTPUT_VARIABLE rdkafka_dynamic)
string(REGEX MATCH "SONAME +([^ \n]+)" found "${rdkafka_dynamic}")
set(RDKAFKA_SONAME ${CMAKE_MATCH_1})

# As libcurl: opened by the task that needs it.
pkg_check_modules(PQ REQUIRED libpq)
pkg_get_variable(PQ_LIBDIR libpq libdir)
find_library(PQ_FILE NAMES pq HINTS ${PQ_LIBDIR} REQUIRED)
execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${PQ_FILE} OUTPUT_VARIABLE pq_dynamic)
string(REGEX MATCH "SONAME +([^ \n]+)" found "${pq_dynamic}")
set(PQ_SONAME ${CMAKE_MATCH_1})

# SQLite: Debian 12's 3.40.1 has the WAL-reset bug; 3.53.2 comes as the amalgamation.
npm_tarball(better-sqlite3 12.11.1
  76af40b40a608393c616d0733c54819771d94231e893981a40233ace1d989346929830acd426e7548f3f1e001242434ab16169b1e20ef5b7a0e71c696216c87c
  SQLITE_PACKAGE package/deps/sqlite3/*)
add_library(third_party_sqlite STATIC ${SQLITE_PACKAGE}/deps/sqlite3/sqlite3.c)
target_include_directories(third_party_sqlite SYSTEM PUBLIC ${SQLITE_PACKAGE}/deps/sqlite3)
target_compile_definitions(third_party_sqlite PRIVATE SQLITE_THREADSAFE=2 SQLITE_DQS=0
  SQLITE_DEFAULT_MEMSTATUS=0 SQLITE_OMIT_LOAD_EXTENSION SQLITE_OMIT_DEPRECATED SQLITE_LIKE_DOESNT_MATCH_BLOBS
  HAVE_FDATASYNC=1)
target_compile_options(third_party_sqlite PRIVATE ${without_lines})
target_link_libraries(third_party_sqlite PUBLIC Threads::Threads)

# Asio and Beast, compiled once.
add_library(third_party_asio STATIC ${CMAKE_SOURCE_DIR}/cmake/asio_beast.cc)
target_compile_definitions(third_party_asio PUBLIC BOOST_ASIO_SEPARATE_COMPILATION
  BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
target_compile_features(third_party_asio PUBLIC cxx_std_20)
target_link_libraries(third_party_asio PUBLIC Boost::headers Threads::Threads)
target_compile_options(third_party_asio PRIVATE ${without_lines})

# DuckDB: a library that slots open lazily (dlopen) through its C API; the header is only read.
npm_tarball(@duckdb/node-bindings-linux-x64 1.4.5-r.1
  ff49440e6231ddcadda299f3f6c9d79c91a6d6dbdfea9aa8c17fcbbf270c9ca60c01fa5e5e24032e302a802278fbde4ee18e809fe160cba7b89bb596ed963156
  DUCKDB_PACKAGE package/libduckdb.so package/LICENSE)
npm_tarball(duckdb 1.4.4
  844249e61c9517454b8f776638ba6c5ab411d1bddde1892ab72826ea25178c72430e74aa83f5122b171be6abcdace84560f824b5ac94e9d5c2b603ea7269a9a2
  DUCKDB_SOURCE_PACKAGE package/src/duckdb/src/include/duckdb.h)
add_library(third_party_duckdb_header INTERFACE)
target_include_directories(third_party_duckdb_header SYSTEM INTERFACE
  ${DUCKDB_SOURCE_PACKAGE}/src/duckdb/src/include)
