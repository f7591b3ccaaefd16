#include "server/config/load.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/config/draft.h"
#include "server/config/problems.h"
#include "server/config/reader.h"

namespace singleflight::config {
namespace {

constexpr size_t kLargestFile = 1u << 20;

// What to do about the parser's terser messages.
absl::string_view SyntaxCure(absl::string_view message) {
  if (absl::StrContains(message, "flow")) {
    return "; close each \"{\" and \"[\", and quote a value with \"${…}\" that stands inside them";
  }
  if (absl::StrContains(message, "map value")) return "; put a value that holds \": \" in quotes";
  if (absl::StrContains(message, "tab")) return "; indent with spaces";
  if (absl::StrContains(message, "referenced anchor")) {
    return "; define \"&name\" before \"*name\", and quote a value that begins with \"*\"";
  }
  return "";
}

void RefuseSyntax(const YAML::Exception& error, Problems& problems) {
  Place place;
  if (!error.mark.is_null()) place = {error.mark.line + 1, error.mark.column + 1, ""};
  if (dynamic_cast<const YAML::DeepRecursion*>(&error) != nullptr) {
    return problems.Refuse(place, "this nests deeper than any configuration does");
  }
  problems.Refuse(
      place, absl::StrCat("this is not YAML: ", absl::CHexEscape(error.msg), SyntaxCure(error.msg)));
}

// The one document of `text`; an undefined node after a refusal.
YAML::Node ParseYaml(absl::string_view text, Problems& problems) {
  const YAML::Node nothing(YAML::NodeType::Undefined);
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1) {
      const YAML::Mark mark = documents[1].Mark();
      problems.Refuse({mark.line + 1, mark.column + 1, ""},
                      "a second document begins here; remove the \"---\"");
      return nothing;
    }
    if (!documents.empty() && !documents[0].IsNull()) return documents[0];
    problems.Refuse(Place(),
                    "the file is empty; it needs \"listeners\", \"upstreams\" and \"routes\"");
  } catch (const YAML::Exception& error) {
    RefuseSyntax(error, problems);
  } catch (const std::exception& error) {
    problems.Refuse(Place(), absl::StrCat("this is not YAML: ", error.what()));
  }
  return nothing;
}

Config ReadConfig(absl::string_view text, const Environment& environment, Problems& problems) {
  if (text.size() > kLargestFile) {
    problems.Refuse(Place(), absl::StrCat("the file is larger than ", kLargestFile, " bytes"));
    return Config();
  }
  const YAML::Node root = ParseYaml(text, problems);
  if (!root.IsDefined()) return Config();
  Reading reading{environment, problems};
  Draft draft = ReadDraft(reading, root);
  CheckDraft(draft, problems);
  return std::move(draft.config);
}

// At most one byte more than a configuration may have.
absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (file == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be read"));
  std::string text(kLargestFile + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()))
    return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be read"));
  return text;
}

}  // namespace

absl::StatusOr<Loaded> Load(absl::string_view text, absl::string_view filename,
                            const Environment& environment) {
  Problems problems(filename);
  Loaded loaded;
  loaded.config = ReadConfig(text, environment, problems);
  loaded.warnings = problems.warnings();
  const absl::Status status = problems.status();
  if (!status.ok()) return status;
  return loaded;
}

absl::StatusOr<Loaded> LoadFile(const std::string& path, const Environment& environment) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  return Load(*text, path, environment);
}

}  // namespace singleflight::config
