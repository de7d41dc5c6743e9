# Tests of plugins/lake and of the financial source.
batuta_test(plugins_lake LABEL unit
  SOURCES lake_checkpoint_test.cc lake_decimal_test.cc lake_erase_raw_test.cc lake_erase_test.cc lake_erase_texts_test.cc erased_lake.cc lake_expire_test.cc lake_rotate_key_test.cc lake_maintenance_test.cc lake_masks_test.cc lake_newer_tables_test.cc lake_property_test.cc lake_session_test.cc lake_staged_write_test.cc lake_version_diff_test.cc fake_host.cc
    ../lakelog/lake_fixture.cc
  APART lake_monitors_test.cc lake_report_test.cc
  LINKS batuta_lake nlohmann_json::nlohmann_json)
add_dependencies(test_plugins_lake lake_engine plugin_lake_sql plugin_lake_erase plugin_lake_rotate_key plugin_lake_maintenance plugin_lake_monitors plugin_lake_report)
# Apart for the thread sanitizer: what threads share.
batuta_test(lake_threads LABEL unit
  SOURCES lake_beside_test.cc lake_threads_test.cc fake_host.cc ../lakelog/lake_fixture.cc
  LINKS batuta_lake nlohmann_json::nlohmann_json)
add_dependencies(test_lake_threads lake_engine)
batuta_test(plugins_layer LABEL unit TIMEOUT 600
  SOURCES layer_test.cc layer_restored_test.cc history_test.cc layer_history_test.cc layer_deletes_test.cc layer_quarantine_test.cc layer_fixture.cc table_rows.cc fake_host.cc ../lakelog/lake_fixture.cc
  LINKS batuta_lake_layer nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
add_dependencies(test_plugins_layer lake_engine)
batuta_test(plugins_financial LABEL unit TIMEOUT 600
  SOURCES financial_pipeline_test.cc lake_sample_test.cc financial_fixture.cc table_rows.cc
    ../lakelog/lake_fixture.cc
  APART fake_host.cc financial_quotes_test.cc financial_source_test.cc lake_sql_test.cc
    lake_export_test.cc lake_home.cc
  LINKS batuta_from_contract nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
add_dependencies(test_plugins_financial lake_engine plugin_contract_bronze plugin_contract_silver
  plugin_sql_model plugin_lake_sql)
# Opt-in: cmake -DBATUTA_DELTALAKE_PYTHON=<python with the deltalake package>.
if(BATUTA_DELTALAKE_PYTHON)
  add_test(NAME lake_independent_reader COMMAND ${BATUTA_DELTALAKE_PYTHON}
    ${CMAKE_SOURCE_DIR}/tests/lakelog/deltalake_reader.py $<TARGET_FILE:test_plugins_financial>)
  set_tests_properties(lake_independent_reader PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 300
    ENVIRONMENT "BATUTA_BUILD_DIR=${CMAKE_BINARY_DIR};BATUTA_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
  add_test(NAME lake_independent_maintenance COMMAND ${BATUTA_DELTALAKE_PYTHON}
    ${CMAKE_SOURCE_DIR}/tests/lakelog/deltalake_maintenance.py $<TARGET_FILE:batuta>)
  set_tests_properties(lake_independent_maintenance PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 300)
endif()
