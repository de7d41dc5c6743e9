batuta_test(plugins_sql LABEL unit
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/sql_test.cc ${CMAKE_CURRENT_LIST_DIR}/fake_host.cc
  LINKS batuta_common third_party_sqlite nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
add_dependencies(test_plugins_sql plugin_sql lake_engine)
