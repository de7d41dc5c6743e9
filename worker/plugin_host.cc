#include "worker/plugin_host.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/safe_json.h"

namespace batuta {
namespace {

constexpr std::size_t max_text = 4096;
constexpr std::uint32_t max_params = 256;

// A text of the plugin, cut at a bound: a table that lacks a final NUL must not lead us astray.
std::string copy_text(const char* text) {
  return text == nullptr ? std::string{} : std::string{text, ::strnlen(text, max_text)};
}

bool known_kind(std::string_view kind) {
  return kind == "extract" || kind == "transform" || kind == "aggregate" || kind == "builtin";
}

Result<ParamInfo> check_param(const batuta_param& param) {
  ParamInfo info;
  info.name = copy_text(param.name);
  if (!valid_id(info.name)) return {Errc::invalid, "a parameter without a valid name"};
  if (param.type < BATUTA_PARAM_STRING || param.type > BATUTA_PARAM_ANY) {
    return {Errc::invalid, "parameter " + info.name + ": unknown type"};
  }
  info.type = static_cast<ParamType>(param.type);
  info.required = param.required != 0;
  info.help = copy_text(param.help);
  info.default_json = copy_text(param.default_json);
  if (!info.default_json.empty() && !parse_untrusted(info.default_json).ok()) {
    return {Errc::invalid, "parameter " + info.name + ": its default is not JSON"};
  }
  return info;
}

Status check_params(const batuta_plugin& table, std::vector<ParamInfo>& out) {
  if (table.param_count > max_params) return {Errc::invalid, "more than 256 parameters"};
  if (table.param_count == 0) return success();
  if (table.params == nullptr || table.param_size < sizeof(batuta_param)) {
    return {Errc::invalid, "its parameter table has another shape"};
  }
  // The plugin may know a longer row than we do: its own stride counts.
  const auto* row = reinterpret_cast<const char*>(table.params);
  for (std::uint32_t i = 0; i < table.param_count; ++i, row += table.param_size) {
    batuta_param param;
    std::memcpy(&param, row, sizeof param);
    auto info = check_param(param);
    if (!info) return info.error();
    out.push_back(*std::move(info));
  }
  return success();
}

}  // namespace

Result<PluginInfo> check_table(const batuta_plugin* table, const PluginFile& file) {
  const auto refused = [&](const std::string& why) {
    return Error{Errc::invalid, file.file + ": " + why, {}};
  };
  if (table == nullptr) return refused("it cannot serve ABI " + std::to_string(BATUTA_PLUGIN_ABI));
  if (table->abi != BATUTA_PLUGIN_ABI) {
    return refused("built for ABI " + std::to_string(table->abi) + ", this host has " +
                   std::to_string(BATUTA_PLUGIN_ABI));
  }
  if (table->struct_size < sizeof(batuta_plugin)) return refused("its table is too short");
  if (table->execute == nullptr) return refused("it has no execute function");
  PluginInfo info;
  info.name = copy_text(table->name);
  info.version = copy_text(table->version);
  info.kind = copy_text(table->kind);
  info.summary = copy_text(table->summary);
  info.sha256 = file.sha256;
  if (info.name != file.name) return refused("it calls itself '" + info.name + "'");
  if (!known_kind(info.kind)) return refused("unknown kind '" + info.kind + "'");
  if (Status ok = check_params(*table, info.params); !ok) return refused(ok.error().message);
  return info;
}

namespace {

// The loader's words with the symbol that is missing as its author wrote it.
std::string readable(std::string problem) {
  constexpr std::string_view before = "undefined symbol: ";
  const auto at = problem.find(before);
  if (at == std::string::npos) return problem;
  const auto begin = at + before.size();
  const auto end = std::min(problem.find_first_of(" ,", begin), problem.size());
  int failed = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(problem.substr(begin, end - begin).c_str(), nullptr, nullptr, &failed),
      &std::free);
  if (name != nullptr && failed == 0) problem.replace(begin, end - begin, name.get());
  return problem;
}

}  // namespace

Result<const LoadedPlugin*> PluginHost::load(const PluginFile& file) {
  if (const auto found = loaded_.find(file.name); found != loaded_.end()) {
    if (found->second.info.sha256 == file.sha256) return &found->second;
    return {Errc::conflict, file.file + " changed since this process loaded it"};
  }
  const auto fd = open_plugin(folder_, file);
  if (!fd) return fd.error();
  // The loader recognises what it has by path, and descriptor numbers come back: a spelling used
  // once only keeps two plugins from being taken for one.
  std::string path = "/proc/self/fd/";
  for (int i = 0; i < loads_; ++i) path += "./";
  path += std::to_string(fd->get());
  ++loads_;
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {Errc::invalid, file.file + ": " + readable(::dlerror())};
  using Entry = const batuta_plugin* (*)(std::uint32_t);
  const auto entry = reinterpret_cast<Entry>(::dlsym(library, BATUTA_PLUGIN_ENTRY));
  if (entry == nullptr) return {Errc::invalid, file.file + ": no symbol " BATUTA_PLUGIN_ENTRY};
  const batuta_plugin* table = entry(BATUTA_PLUGIN_ABI);
  auto info = check_table(table, file);
  if (!info) return info.error();
  return &loaded_.emplace(file.name, LoadedPlugin{table, *std::move(info)}).first->second;
}

}  // namespace batuta
