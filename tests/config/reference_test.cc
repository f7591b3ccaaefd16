// The files in config/ against the parser: what it knows is documented, with the default that it
// uses.

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/str_join.h"
#include "server/config/options.h"
#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::filesystem::path kFolder = SINGLEFLIGHT_CONFIG_DIR;

std::vector<std::string> Lines(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

struct Written {
  std::string value;  // of a scalar
  int line;           // from 0
};
using Paths = std::multimap<std::string, Written>;

std::string Join(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

// Every option that stands in a file, list entries as "[]".
void Flatten(const YAML::Node& node, const std::string& path, Paths* paths) {
  if (!path.empty() && !path.ends_with("]")) {
    paths->insert({path, {node.IsScalar() ? node.Scalar() : "", node.Mark().line}});
  }
  if (node.IsMap()) {
    for (const auto& pair : node) Flatten(pair.second, Join(path, pair.first.Scalar()), paths);
  }
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) Flatten(item, path + "[]", paths);
  }
}

Paths Reference() {
  Paths paths;
  Flatten(YAML::LoadFile(kFolder / "reference.yaml"), "", &paths);
  return paths;
}

// Where `option` stands with its default, or at all if it has none; null: nowhere.
const Written* Find(const Paths& paths, const Option& option) {
  const auto [begin, end] = paths.equal_range(option.path);
  const auto found = std::find_if(begin, end, [&](const auto& written) {
    return option.default_value.empty() || written.second.value == option.default_value;
  });
  return found == end ? nullptr : &found->second;
}

std::string Comment(const std::string& line) {
  const size_t hash = line.find(" # ");
  return hash == std::string::npos ? "" : line.substr(hash + 3);
}

TEST(ReferenceTest, EveryFileLoadsWithoutWarnings) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    // Not LoadFile: nobody has the certificates that the reference names.
    const auto loaded = Load(absl::StrJoin(Lines(entry.path()), "\n"), entry.path().string(),
                             [](absl::string_view) { return absl::nullopt; });
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_THAT(loaded->warnings, IsEmpty());
  }
  EXPECT_GE(files, 3);
}

TEST(ReferenceTest, EveryOptionStandsInTheReferenceWithItsDefault) {
  const Paths reference = Reference();
  for (const Option& option : Options()) {
    EXPECT_NE(Find(reference, option), nullptr) << option.path << " " << option.default_value;
  }
}

TEST(ReferenceTest, EveryOptionIsExplainedOnItsLine) {
  const Paths reference = Reference();
  const std::vector<std::string> lines = Lines(kFolder / "reference.yaml");
  std::map<std::string, std::string> comments;
  for (const auto& [path, written] : reference) {
    for (int line : {written.line, written.line - 1}) {  // a section is placed at its first option
      const std::string name = path.substr(path.rfind('.') + 1) + ":";
      if (line < 0 || lines[line].find(name) == std::string::npos) continue;
      comments[path] += Comment(lines[line]);
      break;
    }
  }
  for (const Option& option : Options()) {
    const std::string& comment = comments[option.path];
    EXPECT_GT(comment.size(), 10u) << option.path;
    if (option.required) {
      EXPECT_THAT(comment, HasSubstr("required")) << option.path;
    }
    const bool is_section = option.kind == "section";
    if (!option.required && !is_section && option.default_value.empty()) {
      EXPECT_THAT(comment, HasSubstr("example")) << option.path;
    }
    if (option.kind == "duration" || option.kind == "size") {
      EXPECT_THAT(comment, HasSubstr(option.kind)) << option.path;
    }
  }
}

std::set<std::string> KnownPaths() {
  std::set<std::string> paths;
  for (const Option& option : Options()) paths.insert(option.path);
  return paths;
}

struct SchemaOption {
  std::string default_value;
  bool required = false;
  std::vector<std::string> choices;
};
using SchemaPaths = std::map<std::string, SchemaOption>;

void FlattenSchema(const YAML::Node& schema, const std::string& path, SchemaPaths* paths) {
  for (const auto& property : schema["properties"]) {
    const std::string name = property.first.Scalar();
    const YAML::Node& value = property.second;
    SchemaOption& option = (*paths)[Join(path, name)];
    if (value["default"]) option.default_value = value["default"].Scalar();
    if (value["anyOf"]) {
      for (const auto& word : value["anyOf"][0]["enum"]) option.choices.push_back(word.Scalar());
    }
    for (const auto& required : schema["required"]) option.required |= required.Scalar() == name;
    FlattenSchema(value, Join(path, name), paths);
    for (const auto& either : value["anyOf"]) FlattenSchema(either, Join(path, name), paths);
    if (value["items"]) FlattenSchema(value["items"], Join(path, name) + "[]", paths);
  }
}

SchemaPaths Schema() {
  SchemaPaths paths;
  FlattenSchema(YAML::LoadFile(kFolder / "singleflight.schema.json"), "", &paths);
  return paths;
}

TEST(SchemaTest, NamesTheOptionsThatTheParserKnows) {
  std::set<std::string> paths;
  for (const auto& [path, option] : Schema()) paths.insert(path);
  EXPECT_THAT(paths, ElementsAreArray(KnownPaths()));
}

TEST(SchemaTest, HasTheDefaultsOfTheParserAndWhatItRequires) {
  SchemaPaths schema = Schema();
  for (const Option& option : Options()) {
    EXPECT_EQ(schema[option.path].default_value, option.default_value) << option.path;
    EXPECT_EQ(schema[option.path].required, option.required) << option.path;
  }
}

TEST(SchemaTest, HasTheChoicesOfTheParser) {
  SchemaPaths schema = Schema();
  for (const Option& option : Options()) {
    const std::vector<std::string>& choices = schema[option.path].choices;
    if (choices.empty()) continue;
    EXPECT_EQ(absl::StrJoin(choices, "|"), option.kind) << option.path;
  }
}

}  // namespace
}  // namespace singleflight::config
