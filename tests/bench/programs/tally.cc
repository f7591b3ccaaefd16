// Counts how calls ended and how long they took, and says it as text or JSON.

#include "tests/bench/programs/tally.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace singleflight::bench {
namespace {

constexpr int kNoStatus = -1;

// So many statuses and messages are told apart.
constexpr size_t kEnds = 500;

std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const bool special = c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ';
    if (special) {
      absl::StrAppendFormat(&quoted, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace

void Report::Add(absl::string_view name, double value) {
  values_.emplace_back(name, absl::StrFormat("%.3f", value));
}

void Report::Add(absl::string_view name, uint64_t value) {
  values_.emplace_back(name, absl::StrCat(value));
}

void Report::AddText(absl::string_view name, absl::string_view value) {
  values_.emplace_back(name, Quoted(value));
}

void Report::AddJson(absl::string_view name, absl::string_view json) {
  values_.emplace_back(name, json);
}

std::string Report::Json() const {
  std::string json = "{";
  for (const auto& [name, value] : values_) {
    absl::StrAppend(&json, json.size() > 1 ? ", " : "", "\"", name, "\": ", value);
  }
  return json + "}\n";
}

std::string Report::Text() const {
  std::string text;
  for (const auto& [name, value] : values_) absl::StrAppendFormat(&text, "%-20s %s\n", name, value);
  return text;
}

void Tally::Count(const MadeCall& call, uint32_t reset, Nanos answered) {
  if (ended_++ == 0) first_answer_ = answered;
  last_answer_ = std::max(last_answer_, answered);
  bytes_ += call.received_bytes();
  longest_ = std::max(longest_, answered - call.begun());
  const Verdict verdict = call.Judge();
  if (verdict == Verdict::kRight) {
    micros_.push_back(static_cast<float>(static_cast<double>(answered - call.begun()) / 1e3));
    return;
  }
  const bool failed = verdict == Verdict::kFailed;
  const std::string complaint = call.Complaint(reset);
  ++(failed ? failed_ : mismatched_);
  CountEnd(failed ? call.Status(reset) : kNoStatus,
           call.message().empty() ? complaint : call.message(), 1);
  Complain(complaint);
}

void Tally::CountLost(uint64_t calls, absl::string_view why) {
  ended_ += calls;
  failed_ += calls;
  if (calls == 0) return;
  CountEnd(kNoStatus, why, calls);
  Complain(why);
}

void Tally::CountShort(uint64_t messages) {
  ++mismatched_;
  Complain(absl::StrCat(messages, " messages too few"));
}

void Tally::Complain(absl::string_view complaint) {
  if (first_complaint_.empty()) first_complaint_ = std::string(complaint);
}

void Tally::CountEnd(int status, absl::string_view said, uint64_t calls) {
  const std::pair<int, std::string> end(status, said);
  const bool known = ends_.size() < kEnds || ends_.count(end) > 0;
  ends_[known ? end : std::pair<int, std::string>(status, "and others")] += calls;
}

void Tally::AddEnds(Report& report) const {
  std::string json;
  for (const auto& [end, calls] : ends_) {
    absl::StrAppend(&json, json.empty() ? "" : ", ", "[", end.first, ", ", Quoted(end.second), ", ",
                    calls, "]");
  }
  report.AddJson("ends", absl::StrCat("[", json, "]"));
}

void Tally::AddLongest(Report& report) const {
  report.Add("longest_us", static_cast<double>(longest_) / 1e3);
}

void Tally::AddCounts(Report& report) const {
  report.Add("calls", ended_);
  report.Add("failed", failed_);
  report.Add("mismatched", mismatched_);
  if (!first_complaint_.empty()) report.AddText("first_complaint", first_complaint_);
}

void Tally::AddLatencies(Report& report) {
  if (micros_.empty()) return;
  const auto at = [this](double quantile) {
    const auto rank = static_cast<size_t>(quantile * static_cast<double>(micros_.size() - 1));
    std::nth_element(micros_.begin(), micros_.begin() + rank, micros_.end());
    return static_cast<double>(micros_[rank]);
  };
  report.Add("p50_us", at(0.5));
  report.Add("p90_us", at(0.9));
  report.Add("p99_us", at(0.99));
  report.Add("p999_us", at(0.999));
  report.Add("max_us", at(1));
}

}  // namespace singleflight::bench
