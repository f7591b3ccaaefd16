// config::Load on any text: a configuration, or mistakes that say where they are.

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/check.h"
#include "server/config/load.h"
#include "tests/fuzz/input.h"

namespace singleflight::config {
namespace {

// What is wrong beyond these is only counted.
constexpr size_t kMostLines = 100;

absl::optional<std::string> FewVariables(absl::string_view name) {
  if (name == "PORT") return "50051";
  if (name == "EMPTY") return "";
  return absl::nullopt;
}

// Digits and a colon, which are consumed.
bool ConsumeNumber(absl::string_view* text) {
  size_t digits = 0;
  while (digits < text->size() && absl::ascii_isdigit((*text)[digits])) ++digits;
  if (digits == 0 || (*text)[0] == '0') return false;
  text->remove_prefix(digits);
  return absl::ConsumePrefix(text, ":");
}

// "f.yaml:LINE:COLUMN: what", on one line of printable text.
void CheckLine(absl::string_view line) {
  absl::string_view left = line;
  SF_CHECK(absl::ConsumePrefix(&left, "f.yaml:"));
  SF_CHECK(ConsumeNumber(&left));
  SF_CHECK(ConsumeNumber(&left));
  SF_CHECK(absl::ConsumePrefix(&left, " ") && !left.empty());
  for (const char c : line) SF_CHECK(!absl::ascii_iscntrl(static_cast<unsigned char>(c)));
}

// What readers of a configuration rely on.
void CheckConfig(const Config& config) {
  SF_CHECK(!config.listeners.empty());
  SF_CHECK(config.threads >= 0);
  SF_CHECK(config.drain_timeout >= absl::ZeroDuration());
  for (const core::RouteOptions& route : config.routes) {
    bool found = false;
    for (const auto& upstream : config.upstreams) found = found || upstream.name == route.upstream;
    SF_CHECK(found);
  }
}

}  // namespace
}  // namespace singleflight::config

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight;
  const absl::string_view text = fuzz::Input(data, size).Rest();
  const auto loaded = config::Load(text, "f.yaml", config::FewVariables);
  if (loaded.ok()) {
    config::CheckConfig(loaded->config);
    for (const std::string& warning : loaded->warnings) {
      if (loaded->warnings.size() <= config::kMostLines) config::CheckLine(warning);
    }
    return 0;
  }
  SF_CHECK(absl::IsInvalidArgument(loaded.status()));
  std::vector<absl::string_view> mistakes = absl::StrSplit(loaded.status().message(), '\n');
  SF_CHECK(mistakes.size() <= config::kMostLines + 1);
  if (mistakes.size() > config::kMostLines) {
    SF_CHECK(absl::StartsWith(mistakes.back(), "f.yaml: and "));
    mistakes.pop_back();
  }
  for (const absl::string_view mistake : mistakes) config::CheckLine(mistake);
  return 0;
}
