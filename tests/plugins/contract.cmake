batuta_test(plugins_contract LABEL unit
  SOURCES avro_file_test.cc contract_test.cc contract_masks_test.cc contract_references_test.cc stream_record_test.cc stream_source_test.cc table_rows.cc typed_bronze_test.cc fake_host.cc ../lakelog/lake_fixture.cc
  LINKS batuta_from_contract third_party_sqlite nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
add_dependencies(test_plugins_contract lake_engine plugin_contract_bronze plugin_contract_silver)
