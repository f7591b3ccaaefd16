#include "tests/testing/metrics_text.h"

#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace singleflight::testing {
namespace {

// `name{a="1",b="2"} 3`, taken apart. No label value of the product has a comma or a brace.
struct Series {
  absl::string_view name;
  std::vector<absl::string_view> labels;
};

Series Parse(absl::string_view text) {
  const size_t brace = text.find('{');
  if (brace == absl::string_view::npos) return {text, {}};
  const absl::string_view labels = text.substr(brace + 1, text.rfind('}') - brace - 1);
  return {text.substr(0, brace), absl::StrSplit(labels, ',')};
}

bool Has(const Series& series, const Series& wanted) {
  for (absl::string_view label : wanted.labels) {
    bool found = false;
    for (absl::string_view own : series.labels) found = found || own == label;
    if (!found) return false;
  }
  return true;
}

}  // namespace

int64_t SumOf(const std::string& page, const std::string& selector) {
  const Series wanted = Parse(selector);
  bool known = false;
  double sum = 0;
  for (absl::string_view line : absl::StrSplit(page, '\n')) {
    const size_t space = line.rfind(' ');
    if (absl::StartsWith(line, "#") || space == absl::string_view::npos) continue;
    const Series series = Parse(line.substr(0, space));
    if (series.name != wanted.name) continue;
    known = true;
    if (Has(series, wanted)) sum += std::atof(std::string(line.substr(space + 1)).c_str());
  }
  if (!known) throw std::runtime_error("no metric has the name of " + selector + " in:\n" + page);
  return static_cast<int64_t>(sum);
}

}  // namespace singleflight::testing
