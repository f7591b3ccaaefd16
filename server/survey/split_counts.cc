#include "server/survey/split_counts.h"

#include <algorithm>

#include "server/model/known_names.h"

namespace singleflight::survey {
namespace {

bool Holds(const std::vector<std::string>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

absl::string_view LabelOf(SplitKind kind, absl::string_view name, const model::KeyRules& rules) {
  switch (kind) {
    case SplitKind::kMetadata:
    case SplitKind::kCredential: {
      const bool known = model::FindKnownName(name) < model::kKnownNameCount;
      return known || Holds(rules.names, name) || Holds(rules.counted, name) ? name : kOther;
    }
    case SplitKind::kAuthority:
    case SplitKind::kPolicy:
    case SplitKind::kEncoding:
      return name;
    case SplitKind::kField:
    case SplitKind::kSeveral:
      return "";
  }
  return "";
}

SplitCounts::~SplitCounts() {
  for (Cell* cell = first_.load(std::memory_order_relaxed); cell != nullptr;) {
    Cell* const next = cell->next;
    delete cell;
    cell = next;
  }
}

void SplitCounts::Add(SplitKind kind, absl::string_view label) { Of(kind, label).Add(); }

metrics::Counter* SplitCounts::Fixed(SplitKind kind, absl::string_view label) {
  for (size_t i = 0; i < fixed_.size(); ++i) {
    if (kRows[i].kind == kind && kRows[i].label == label) return &fixed_[i];
  }
  return nullptr;
}

metrics::Counter& SplitCounts::Of(SplitKind kind, absl::string_view label) {
  if (metrics::Counter* const fixed = Fixed(kind, label)) return *fixed;
  Cell* const first = first_.load(std::memory_order_relaxed);
  for (Cell* cell = first; cell != nullptr; cell = cell->next) {
    if (cell->kind == kind && cell->label == label) return cell->calls;
  }
  if (size_ == kMost) return *Fixed(kind, kOther);  // only headers have other labels
  ++size_;
  Cell* const added = new Cell{kind, std::string(label), {}, first};
  first_.store(added, std::memory_order_release);
  return added->calls;
}

void SplitCounts::Show(const std::string& route, metrics::Visitor& visitor) const {
  const auto show = [&](SplitKind kind, absl::string_view label, const metrics::Counter& calls) {
    visitor.Count(
        "singleflight_not_shared_total",
        "Calls that led a flight of their own although a recent one of the route was "
        "equal but for this.",
        {{"route", route}, {"kind", std::string(NameOf(kind))}, {"name", std::string(label)}},
        calls.value());
  };
  for (size_t i = 0; i < fixed_.size(); ++i) show(kRows[i].kind, kRows[i].label, fixed_[i]);
  for (const Cell* cell = first_.load(std::memory_order_acquire); cell != nullptr;
       cell = cell->next) {
    show(cell->kind, cell->label, cell->calls);
  }
}

}  // namespace singleflight::survey
