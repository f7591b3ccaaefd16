// docs/sharing.md against the lists in the program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/model/key_rules.h"
#include "server/model/known_names.h"

namespace singleflight::model {
namespace {

using Names = std::set<std::string>;
using ::testing::ElementsAreArray;

// Everything in backquotes in the rows of the tables under a heading.
Names Documented(const std::string& heading, const std::string& row = "|") {
  std::ifstream file(SINGLEFLIGHT_DOCS_DIR "/sharing.md");
  Names names;
  bool here = false;
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "## ")) here = line == "## " + heading;
    if (!here || !absl::StartsWith(line, row)) continue;
    const std::regex quoted("`([^`]+)`");
    for (std::sregex_iterator at(line.begin(), line.end(), quoted), end; at != end; ++at) {
      names.insert((*at)[1]);
    }
  }
  return names;
}

Names KnownAs(NameKind kind) {
  Names names;
  for (const KnownName& known : kKnownNames) {
    if (known.kind == kind) names.emplace(known.name);
  }
  return names;
}

TEST(SharingDocumentTest, ListsWhatIsNoise) {
  Names noise = KnownAs(NameKind::kNoise);
  for (const absl::string_view prefix : NoisePrefixes()) noise.insert(absl::StrCat(prefix, "*"));
  noise.emplace("tracestate");  // it is referred to
  EXPECT_THAT(Documented("Noise"), ElementsAreArray(noise));
}

TEST(SharingDocumentTest, ListsTheTracersOfTracestate) {
  Names members;
  for (const absl::string_view key : TracestateKeys()) members.emplace(key);
  for (const absl::string_view system : TracestateSystems()) {
    members.insert(absl::StrCat("…@", system));
  }
  EXPECT_THAT(Documented("Tracestate"), ElementsAreArray(members));
}

TEST(SharingDocumentTest, ListsCredentials) {
  EXPECT_THAT(Documented("Credentials", "| exact"),
              ElementsAreArray(KnownAs(NameKind::kCredential)));
  for (const std::string& pattern : Documented("Credentials", "| by pattern")) {
    const std::string name = std::regex_replace(pattern, std::regex("\\*"), "my");
    EXPECT_TRUE(IsCredential(name)) << name;
  }
  EXPECT_EQ(Documented("Credentials", "| by pattern").size(), 4u);
}

TEST(SharingDocumentTest, ListsTheSets) {
  for (const std::string set : {"@proxy-headers", "@baggage"}) {
    Names names(MetadataSet(set)->begin(), MetadataSet(set)->end());
    names.insert(set);
    EXPECT_THAT(Documented("Sets", absl::StrCat("| `", set)), ElementsAreArray(names)) << set;
  }
}

}  // namespace
}  // namespace singleflight::model
