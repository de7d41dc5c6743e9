# Tests of plugins/postgres_publish without a server; with one: tests/e2e/publish_test.py.
batuta_test(plugins_publish LABEL unit
  SOURCES publish_test.cc
  LINKS batuta_postgres_publish batuta_lake batuta_sdk nlohmann_json::nlohmann_json)
add_dependencies(test_plugins_publish plugin_postgres_publish)
