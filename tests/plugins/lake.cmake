# Tests of plugins/lake and of the financial source.
batuta_test(plugins_lake LABEL unit
  SOURCES lake_decimal_test.cc lake_session_test.cc
  LINKS batuta_lake nlohmann_json::nlohmann_json)
add_dependencies(test_plugins_lake lake_engine)
batuta_test(plugins_financial LABEL unit TIMEOUT 600
  SOURCES financial_pipeline_test.cc financial_quotes_test.cc financial_source_test.cc lake_sql_test.cc
  LINKS batuta_financial nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
add_dependencies(test_plugins_financial lake_engine plugin_financial_bronze
  plugin_financial_silver plugin_financial_gold plugin_lake_sql)
