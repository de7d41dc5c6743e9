# Tests of plugins/models: through the plugin, as a worker's slot runs it.
set(models_sources models_fixture.cc table_rows.cc fake_host.cc ../lakelog/lake_fixture.cc)
batuta_test(plugins_models LABEL unit TIMEOUT 600
  SOURCES models_test.cc models_contract_test.cc models_history_test.cc models_maintained_test.cc models_lineage_test.cc models_write_test.cc model_cases_test.cc outputs_test.cc ${models_sources}
  LINKS batuta_outputs batuta_lake nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
# What a run computes and what it leaves: full and incremental passes, plans, skips.
batuta_test(plugins_models_passes LABEL unit TIMEOUT 600
  SOURCES models_changed_test.cc models_incremental_test.cc models_plan_test.cc models_skip_test.cc ${models_sources}
  LINKS batuta_models batuta_lake nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
foreach(test plugins_models plugins_models_passes)
  add_dependencies(test_${test} lake_engine plugin_sql_model plugin_model_test plugin_shell plugin_python)
endforeach()
