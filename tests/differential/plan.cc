#include "tests/differential/plan.h"

#include <stdexcept>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace singleflight::differential {
namespace {

int64_t Number(absl::string_view text) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) {
    throw std::runtime_error(absl::StrCat("no number in a plan: ", text));
  }
  return number;
}

Message ParseMessage(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  if (parts.size() != 3) throw std::runtime_error(absl::StrCat("no message: ", text));
  return {Number(parts[0]), Number(parts[1]), Number(parts[2]) != 0};
}

}  // namespace

Plan ParsePlan(absl::string_view line) {
  const std::vector<absl::string_view> parts = absl::StrSplit(line, '\t');
  if (parts.size() != 10) throw std::runtime_error(absl::StrCat("no plan: ", line));
  Plan plan;
  plan.index = std::string(parts[0]);
  plan.kind = std::string(parts[1]);
  plan.compression = static_cast<int>(Number(parts[2]));
  plan.deadline_ms = Number(parts[3]);
  plan.in_turn = Number(parts[4]) != 0;
  plan.cancel_after = Number(parts[5]);
  plan.code_only = Number(parts[6]) != 0;
  for (const absl::string_view message : absl::StrSplit(parts[7], ',', absl::SkipEmpty())) {
    plan.messages.push_back(ParseMessage(message));
  }
  for (const absl::string_view field : absl::StrSplit(parts[8], ',', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> split = absl::StrSplit(field, '=');
    plan.metadata.emplace_back(split.first, absl::HexStringToBytes(split.second));
  }
  plan.metadata.emplace_back("x-script", parts[9]);
  return plan;
}

}  // namespace singleflight::differential
