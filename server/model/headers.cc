#include "server/model/headers.h"

namespace singleflight::model {
namespace {

constexpr size_t kUsualFields = 12;

}  // namespace

void Headers::Add(absl::string_view name, absl::string_view value, bool never_index) {
  if (fields_.empty()) fields_.reserve(kUsualFields);
  const auto begin = static_cast<uint32_t>(text_.size());
  text_.append(name.data(), name.size());
  text_.append(value.data(), value.size());
  fields_.push_back({begin, static_cast<uint32_t>(name.size()),
                     static_cast<uint32_t>(value.size()) & 0x7fffffffu, never_index ? 1u : 0u});
}

Headers::Field Headers::operator[](size_t at) const {
  const Entry& entry = fields_[at];
  const absl::string_view text(text_);
  return {text.substr(entry.begin, entry.name_size),
          text.substr(entry.begin + entry.name_size, entry.value_size), entry.never_index == 1};
}

absl::optional<absl::string_view> Headers::Find(absl::string_view name) const {
  for (const Field field : *this) {
    if (field.name == name) return field.value;
  }
  return absl::nullopt;
}

size_t Headers::Count(absl::string_view name) const {
  size_t count = 0;
  for (const Field field : *this) count += field.name == name ? 1 : 0;
  return count;
}

size_t Headers::Footprint() const {
  return sizeof(*this) + text_.capacity() + fields_.capacity() * sizeof(Entry);
}

}  // namespace singleflight::model
