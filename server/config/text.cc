#include "server/config/text.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace singleflight::config {
namespace {

// Whether a value that stands behind this is nobody's business. It ends with the option's name.
bool NamesSecret(absl::string_view line) {
  const size_t begin = line.find_last_of(" {,");
  std::string name = absl::AsciiStrToLower(line.substr(begin + 1));
  name.erase(std::remove(name.begin(), name.end(), '\''), name.end());
  const absl::string_view words[] = {"password", "passphrase", "secret", "token"};
  return std::any_of(std::begin(words), std::end(words), [&](absl::string_view word) {
    return absl::EndsWith(absl::StripSuffix(absl::StripSuffix(name, "\""), "s"), word);
  });
}

}  // namespace

// The rest of the line goes, whatever stands there.
std::string Masked(absl::string_view line) {
  for (size_t colon = line.find(": "); colon != absl::string_view::npos;
       colon = line.find(": ", colon + 1)) {
    if (NamesSecret(line.substr(0, colon))) return absl::StrCat(line.substr(0, colon), ": ***");
  }
  return std::string(line);
}

// By lines of the text, since a node with aliases is a graph, which may take for ever to walk.
std::string TextOf(const YAML::Node& root) {
  std::string text;
  size_t hidden_below = std::string::npos;  // what stands further right belongs to a secret
  for (const absl::string_view line : absl::StrSplit(YAML::Dump(root), '\n')) {
    const size_t indent = line.find_first_not_of(' ');
    if (indent != absl::string_view::npos && indent > hidden_below) continue;
    hidden_below = std::string::npos;
    if (absl::EndsWith(line, ":") && NamesSecret(absl::StripSuffix(line, ":"))) {
      absl::StrAppend(&text, line, " ***\n");
      hidden_below = indent;
    } else {
      absl::StrAppend(&text, Masked(line), "\n");
    }
  }
  return text;
}

}  // namespace singleflight::config
