# The simulators as a plugin, through its C table.
batuta_test(plugins_simulators LABEL unit
  SOURCES simulators_test.cc fake_host.cc
  LINKS batuta_stream batuta_sdk nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
add_dependencies(test_plugins_simulators plugin_simulated_sources)
