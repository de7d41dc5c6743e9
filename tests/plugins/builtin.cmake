batuta_test(plugins_builtin LABEL unit SOURCES builtin_test.cc container_test.cc python_test.cc shell_test.cc spark_end_test.cc upstream_results_test.cc fake_host.cc
  LINKS batuta_http_client batuta_container_engine batuta_shell_command batuta_spark_end nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
add_dependencies(test_plugins_builtin plugins_manifest)
