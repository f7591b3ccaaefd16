#ifndef SINGLEFLIGHT_TESTS_CONFIG_FILES_H_
#define SINGLEFLIGHT_TESTS_CONFIG_FILES_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/config/load.h"

// Files to load, and what loading them says.
namespace singleflight::config {

using Variables = std::map<std::string, std::string>;

inline absl::StatusOr<Loaded> LoadText(const std::string& text, const Variables& variables = {}) {
  return Load(text, "f.yaml", [variables](absl::string_view name) -> absl::optional<std::string> {
    const auto found = variables.find(std::string(name));
    if (found == variables.end()) return absl::nullopt;
    return found->second;
  });
}

// One element a mistake; empty when the file is right.
inline std::vector<std::string> MistakesIn(const std::string& text,
                                           const Variables& variables = {}) {
  const absl::StatusOr<Loaded> loaded = LoadText(text, variables);
  if (loaded.ok()) return {};
  return absl::StrSplit(loaded.status().message(), '\n');
}

// The warnings of a file that is right; its mistakes otherwise.
inline std::vector<std::string> WarningsIn(const std::string& text) {
  const absl::StatusOr<Loaded> loaded = LoadText(text);
  return loaded.ok() ? loaded->warnings : MistakesIn(text);
}

inline Config Right(const std::string& text, const Variables& variables = {}) {
  const absl::StatusOr<Loaded> loaded = LoadText(text, variables);
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return loaded.ok() ? loaded->config : Config();
}

// Files that are right but for what a test adds: at the top level in line 4, to an upstream in line
// 6 from column 5, to a route in line 5 from column 5.
inline std::string WithOption(const std::string& option) {
  return absl::StrCat("listeners: [{address: 127.0.0.1:0}]\nupstreams: [{name: b, target: h:1}]\n",
                      "routes: [{upstream: b}]\n", option, "\n");
}

inline std::string WithUpstreamOption(const std::string& option) {
  return absl::StrCat("listeners: [{address: 127.0.0.1:0}]\nroutes: [{upstream: b}]\nupstreams:\n",
                      "  - name: b\n    target: h:1\n    ", option, "\n");
}

// Without a target: line 5, column 5.
inline std::string WithBackend(const std::string& option) {
  return absl::StrCat(
      "listeners: [{address: 127.0.0.1:0}]\nroutes: [{upstream: b}]\nupstreams:\n  - name: b\n    ",
      option, "\n");
}

inline std::string WithRouteOption(const std::string& option) {
  return absl::StrCat(
      "listeners: [{address: 127.0.0.1:0}]\nupstreams: [{name: b, target: h:1}]\nroutes:\n",
      "  - upstream: b\n    ", option, "\n");
}

inline std::string WithCollapseOption(const std::string& option) {
  return WithRouteOption(absl::StrCat("collapse: {", option, "}"));
}

// `listeners:` first, in line 1; the address begins in column 23.
inline std::string WithListener(const std::string& address) {
  return absl::StrCat("listeners: [{address: ", address,
                      "}]\nupstreams: [{name: b, target: h:1}]\n", "routes: [{upstream: b}]\n");
}

// One line a route, from line 4 on.
inline std::string WithRoutes(const std::vector<std::string>& routes) {
  std::string text =
      "listeners: [{address: 127.0.0.1:0}]\nupstreams: [{name: b, target: h:1}]\nroutes:\n";
  for (const std::string& route : routes)
    absl::StrAppend(&text, "  - {upstream: b, ", route, "}\n");
  return text;
}

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_TESTS_CONFIG_FILES_H_
