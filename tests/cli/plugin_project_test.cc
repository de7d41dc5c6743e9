#include "scheduler/cli/plugin_project.h"

#include <doctest/doctest.h>

#include "scheduler/dagfile/dag_parser.h"

using batuta::cli::plugin_project;

TEST_CASE("plugin project: source, build file and a DAG that is valid, all by its name") {
  const auto files = plugin_project("city_weather_bronze", "extract");
  REQUIRE(files);
  REQUIRE(files->size() == 3);
  CHECK((*files)[0].name == "city_weather_bronze.cc");
  CHECK((*files)[0].text.find("struct CityWeatherBronze {") != std::string::npos);
  CHECK((*files)[1].text.find("batuta_add_plugin(city_weather_bronze ") != std::string::npos);
  const auto dag = batuta::parse_dag_file((*files)[2].text, "d.json", ".", {});
  REQUIRE(dag.dag);
  CHECK(dag.dag->tasks[0].plugin == "city_weather_bronze");
  for (const auto& file : *files) CHECK(file.text.find('@') == std::string::npos);
}

TEST_CASE("plugin project: what is no plugin's name is refused") {
  for (const char* name :
       {"", "weather", "_bronze", "weather_", "Weather_bronze", "a/b_c", "1a_b"}) {
    CHECK_MESSAGE(!plugin_project(name, "extract"), name);
  }
}
