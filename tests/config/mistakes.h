// Tables of files and of the mistakes that they are refused for.

#ifndef SINGLEFLIGHT_TESTS_CONFIG_MISTAKES_H_
#define SINGLEFLIGHT_TESTS_CONFIG_MISTAKES_H_

#include <string>
#include <vector>

#include "tests/config/files.h"

namespace singleflight::config {

struct Mistaken {
  std::string file;
  std::string mistake;  // after "f.yaml:"
};

inline void ExpectMistakes(const std::vector<Mistaken>& table) {
  for (const auto& [file, mistake] : table)
    EXPECT_THAT(MistakesIn(file), ::testing::ElementsAre("f.yaml:" + mistake)) << file;
}

// A route whose key leaves that metadata out.
inline std::string Ignoring(const std::string& name) {
  return WithRouteOption("collapse: true\n    key: {metadata: {ignore: [" + name + "]}}");
}

// A listener in line 1 with options beside its address.
inline std::string WithAccess(const std::string& address, const std::string& options) {
  return absl::StrCat("listeners: [{address: \"", address, "\", ", options,
                      "}]\nupstreams: [{name: b, target: h:1}]\nroutes: [{upstream: b}]\n");
}

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_TESTS_CONFIG_MISTAKES_H_
