# Tests of plugins/models: through the plugin, as a worker's slot runs it.
batuta_test(plugins_models LABEL unit TIMEOUT 600
  SOURCES models_test.cc models_history_test.cc models_maintained_test.cc models_changed_test.cc models_incremental_test.cc models_lineage_test.cc models_plan_test.cc models_skip_test.cc model_cases_test.cc outputs_test.cc models_fixture.cc table_rows.cc fake_host.cc ../lakelog/lake_fixture.cc
  LINKS batuta_lake nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
add_dependencies(test_plugins_models lake_engine plugin_sql_model plugin_model_test plugin_shell plugin_python)
