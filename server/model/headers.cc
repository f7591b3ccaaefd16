#include "server/model/headers.h"

#include <cstring>

namespace singleflight::model {
namespace {

constexpr size_t kUsualBlockBytes = 384;

// Before each field's name and value.
struct Lengths {
  uint32_t name;
  uint32_t value : 31;
  uint32_t never_index : 1;
};

Lengths LengthsAt(const char* at) {
  Lengths lengths;
  std::memcpy(&lengths, at, sizeof(lengths));
  return lengths;
}

}  // namespace

Field HeadersView::Iterator::operator*() const {
  const Lengths lengths = LengthsAt(at_);
  const char* name = at_ + sizeof(Lengths);
  return {{name, lengths.name}, {name + lengths.name, lengths.value}, lengths.never_index == 1};
}

HeadersView::Iterator& HeadersView::Iterator::operator++() {
  const Lengths lengths = LengthsAt(at_);
  at_ += sizeof(Lengths) + lengths.name + lengths.value;
  return *this;
}

absl::optional<absl::string_view> HeadersView::Find(absl::string_view name) const {
  for (const Field field : *this) {
    if (field.name == name) return field.value;
  }
  return absl::nullopt;
}

size_t HeadersView::Count(absl::string_view name) const {
  size_t count = 0;
  for (const Field field : *this) count += field.name == name ? 1 : 0;
  return count;
}

void Headers::Add(absl::string_view name, absl::string_view value, bool never_index) {
  if (packed_.empty()) packed_.reserve(kUsualBlockBytes);
  const Lengths lengths = {static_cast<uint32_t>(name.size()),
                           static_cast<uint32_t>(value.size()) & 0x7fffffffu,
                           never_index ? 1u : 0u};
  packed_.append(reinterpret_cast<const char*>(&lengths), sizeof(lengths));
  packed_.append(name.data(), name.size());
  packed_.append(value.data(), value.size());
  ++fields_;
}

size_t Headers::ListSize() const { return packed_.size() + (32 - sizeof(Lengths)) * fields_; }

}  // namespace singleflight::model
