#!/usr/bin/env python3
"""A plugin outside the source tree: from nothing to a loaded one by two commands."""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BUILD, Folder, eventually, main, run  # noqa: E402


def two_commands_lead_to_a_loaded_plugin():
    """plugins new and build: the plugin runs in a DAG; a second build goes live in the running worker"""
    with Folder("project") as folder:
        made = run("plugins", "new", "city_weather_bronze", cwd=folder.path)
        assert made.stdout.splitlines()[0] == "city_weather_bronze/city_weather_bronze.cc", made.stdout
        project, plugins = folder.path / "city_weather_bronze", folder.path / "plugins"
        built = run("plugins", "build", "city_weather_bronze", "--plugins", plugins, cwd=folder.path)
        assert f"{plugins}/city_weather_bronze.so installed" in built.stdout and "plugins of the product" in built.stdout, built
        assert (plugins / "shell.so").exists()
        server = folder.server({"weather": json.loads((project / "city_weather_bronze.json").read_text())},
                               arguments=["--plugins", plugins]).start()
        eventually(lambda: "city_weather_bronze" in server.cli("plugins", "list").stdout, 20, "it is offered")
        ran = server.trigger("city_weather_bronze", run_id="one")
        assert server.wait_run("city_weather_bronze", ran["dag_run_id"])["state"] == "success"
        assert "hello you" in server.log_text("city_weather_bronze", "one", "bronze")
        source = project / "city_weather_bronze.cc"
        source.write_text(source.read_text().replace("hello ", "good day ").replace("0.1.0", "0.2.0"))
        run("plugins", "build", project, "--plugins", plugins)
        eventually(lambda: "0.2.0" in server.cli("plugins", "list").stdout, 20, "the new one is offered")
        server.trigger("city_weather_bronze", run_id="two")
        server.wait_run("city_weather_bronze", "two")
        assert "good day you" in server.log_text("city_weather_bronze", "two", "bronze")


def what_would_not_load_is_not_installed():
    """plugins build: a symbol that nobody defines is named readably, by the linker or the loader, and nothing is installed"""
    with Folder("broken") as folder:
        run("plugins", "new", "odd_gold", "--kind", "aggregate", "--to", folder.path / "odd")
        again = run("plugins", "new", "odd_gold", "--to", folder.path / "odd", code=1)
        assert "not empty" in again.stderr, again.stderr
        assert "<source>_<layer>" in run("plugins", "new", "Odd", code=2).stderr
        source, plugins = folder.path / "odd" / "odd_gold.cc", folder.path / "plugins"
        text = source.read_text()
        source.write_text("namespace other { int missing(const char*); }\n" +
                          text.replace("context.info(greeting);", "context.info(greeting); other::missing(\"x\");"))
        linked = run("plugins", "build", folder.path / "odd", "--plugins", plugins, code=1)
        assert "other::missing(char const*)" in linked.stderr and "compiling failed" in linked.stderr, linked.stderr
        build = folder.path / "odd" / "CMakeLists.txt"
        build.write_text(build.read_text() + "target_link_options(odd_gold PRIVATE -Wl,-z,undefs)\n")
        loaded = run("plugins", "build", folder.path / "odd", "--plugins", plugins, code=1)
        assert "no worker would load it" in loaded.stderr and "other::missing(char const*)" in loaded.stderr, loaded.stderr
        assert not plugins.exists()
        source.write_text(text)
        kept = run("plugins", "build", folder.path / "odd", "--no-install").stdout
        assert kept.strip().endswith("odd/build/plugins/odd_gold.so") and not plugins.exists(), kept
        assert "no CMakeLists.txt" in run("plugins", "build", folder.path, code=1).stderr


def an_installation_is_found_by_find_package():
    """cmake --install: find_package(batuta) finds the SDK by its prefix, headers and libraries are there and enough"""
    with Folder("prefix") as folder:
        root = folder.path / "root"
        sdk = (BUILD / "rooms" / "plugins" / "sdk")
        subprocess.run(["cmake", "--install", sdk, "--prefix", root], check=True, stdout=subprocess.DEVNULL)
        run("plugins", "new", "own_silver", "--kind", "transform", "--to", folder.path / "own")
        for step in (["-S", folder.path / "own", "-B", folder.path / "made", f"-DCMAKE_PREFIX_PATH={root}"],
                     ["--build", folder.path / "made"]):
            done = subprocess.run(["cmake", *map(str, step)], capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stdout + done.stderr
        plugin = folder.path / "made" / "plugins" / "own_silver.so"
        needed = subprocess.run(["objdump", "-p", plugin], capture_output=True, text=True, check=True).stdout
        assert "libstdc++" not in needed, needed
        shown = subprocess.run(["nm", "-D", "--defined-only", plugin], capture_output=True, text=True, check=True).stdout
        assert [line.split()[-1] for line in shown.splitlines()] == ["batuta_plugin_entry"], shown


if __name__ == "__main__":
    main([two_commands_lead_to_a_loaded_plugin, what_would_not_load_is_not_installed,
          an_installation_is_found_by_find_package])
